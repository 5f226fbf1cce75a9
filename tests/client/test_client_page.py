"""docs/client.md is what happens: its Python runs in order against a real server, its tables are complete."""

from __future__ import annotations

import asyncio
import re
import time
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from talktime.client import Management
from talktime.client.management.described import Asked, Listed, Part, Stepped
from tests.databases import fresh_sqlite
from tests.doors.http.shops import BUYER, open_shop
from tests.doors.test_integrate_page import blocks
from tests.house.tree import ROOT

PAGE = ROOT / "docs" / "client.md"
ROW = re.compile(r"^\| (?P<part>the tenant itself|`\w+`) \| (?P<methods>(?:`\w+` ?)+)\|$", re.MULTILINE)


def parts_of(owner: object) -> dict[str, Part[Any]]:
    return {f"`{name}`": part for name, part in vars(owner).items() if isinstance(part, Part)}


def methods_of(part: Part[Any]) -> list[str]:
    return [name for name, one in vars(type(part)).items() if isinstance(one, Asked | Listed | Stepped)]


def test_the_page_names_every_method_of_every_part() -> None:
    _, of_all, of_one = re.split(r"\| of `management.*\n\|---\|---\|\n", PAGE.read_text("utf-8"))
    management = Management("http://talktime.test", "key")
    tenant = management.tenant("contoso")
    told_and_there = [
        (of_all, parts_of(management)),
        (of_one, {"the tenant itself": tenant, **parts_of(tenant)}),
    ]
    for table, parts in told_and_there:
        told = {row["part"]: re.findall(r"\w+", row["methods"]) for row in ROW.finditer(table)}
        assert {name: sorted(methods) for name, methods in told.items()} == {
            name: sorted(methods_of(part)) for name, part in parts.items()
        }


def test_the_page_works_from_top_to_bottom(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    asyncio.run(work(tmp_path))
    said = capsys.readouterr().out
    assert (tmp_path / "receipt.pdf").read_bytes().startswith(b"%PDF-")
    assert said.startswith("200\n")
    assert "1 users; the next page begins at None\n" in said
    assert re.search(r"^[A-Z]-\S+ \S+$", said, re.MULTILINE), (
        "the newest payment, and where the next page begins"
    )


async def work(folder: Path) -> None:
    """Runs the blocks one after the other in one namespace, in front of an application that sells."""
    async with open_shop(fresh_sqlite(folder), folder, BUYER) as shop:
        shop.clock.now_us = time.time_ns() // 1000  # the page asks for the last days
        server = uvicorn.Server(uvicorn.Config(shop.app, port=0, log_level="warning", lifespan="off"))
        serving = asyncio.create_task(server.serve())
        while not server.started:
            assert not serving.done()
            await asyncio.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        key = shop.client.headers["authorization"].removeprefix("Bearer ")
        (folder / "office.key").write_text(f"{key}\n", "utf-8")
        text = PAGE.read_text("utf-8").replace("127.0.0.1:8080", f"127.0.0.1:{port}")
        try:
            await asyncio.to_thread(
                run, [content for language, content in blocks(text) if language == "python"]
            )
        finally:
            server.should_exit = True
            await serving


def run(contents: list[str]) -> None:
    assert contents
    names: dict[str, Any] = {}
    for number, content in enumerate(contents, 1):
        exec(compile(content, f"block {number} of client.md", "exec"), names)
    names["management"].close()
