"""docs/integrate.md is what happens: its commands run in order in an empty folder, against a real server."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from talktime.core.refusals import Refusal
from talktime.doors.http.problems import UNAVAILABLE
from tests.doors.terminal import SOURCES
from tests.house.tree import ROOT

PAGE: Final = ROOT / "docs" / "integrate.md"
PATIENCE_S: Final = 120

# Every answer of curl on a line of its own, and an error of the server ends the script.
OPENING: Final = """set -euo pipefail
curl() { command curl --fail-with-body "$@"; echo; }
trap 'kill $(jobs -p); wait' EXIT
"""


def blocks(text: str) -> Iterator[tuple[str, str]]:
    """(language, content) of each fenced block in order."""
    return ((found[1], found[2]) for found in re.finditer(r"```(\w+)\n(.*?)```", text, re.DOTALL))


def script(text: str) -> str:
    """The page as one shell script: its commands, its tenant file, its Python."""
    parts = [OPENING]
    for language, content in blocks(text):
        if language == "sh":
            parts.append(content)
        elif language == "toml":
            parts.append(f"cat > tenant.toml <<'END'\n{content}END\n")
        elif language == "python":
            parts.append(f"\"$PYTHON\" - <<'END'\n{content}END\n")
    parts.append("curl -s -H \"$OFFICE\" ${API%/v1}/metrics | sed -n 's/^# TYPE /metric /p'\n")
    return "\n".join(parts)


def free_ports() -> int:
    """A port that is free, as the one after it is."""
    while True:
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port = int(first.getsockname()[1])
            try:
                second.bind(("127.0.0.1", port + 1))
            except (OSError, OverflowError):
                continue
            return port


def run(text: str, folder: Path) -> list[str]:
    """Runs the page in a folder; the lines that it printed."""
    program = folder / "bin" / "talktime"
    program.parent.mkdir()
    program.write_text('#!/bin/sh\nexec "$PYTHON" -m talktime "$@"\n', "utf-8")
    program.chmod(0o755)
    environment = {name: os.environ[name] for name in ("HOME", "TMPDIR") if name in os.environ} | {
        "PATH": f"{program.parent}:{os.environ['PATH']}",
        "PYTHON": sys.executable,
        "PYTHONPATH": str(SOURCES),
        "TALKTIME_STATE": str(folder / "state"),
        "COLUMNS": "80",
    }
    process = subprocess.Popen(
        ["bash", "-c", script(text)],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        text=True,
    )
    try:
        out, err = process.communicate(timeout=PATIENCE_S)
    except BaseException:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        raise
    assert process.returncode == 0, f"{out}\n{err}"
    return out.splitlines()


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
def test_the_page_works_from_top_to_bottom(tmp_path: Path) -> None:
    text = PAGE.read_text("utf-8")
    lines = run(text.replace("8080", str(free_ports())), tmp_path)
    answers = [json.loads(line) for line in lines if line.startswith(("{", "["))]
    ready, bought, started, extended, ended, held, batch = answers
    assert ready == {"status": "ready"}
    assert (bought["amount"], bought["repeated"]) == ("100", False)
    assert_as_shown(started, json.loads(dict(blocks(text))["json"]))
    assert (extended["decision"], extended["authorised_seconds"]) == ("allow", 1190)
    assert ended["billed_seconds"] == 780
    assert held["balance"] == ended["balance"]
    assert [each["status"] for each in batch] == [200, 200]
    said = "\n".join(lines)
    assert "Call call-1: charged" in said
    assert re.search(r"^0\.\d+ USD balance 9\d\.\d+$", said, re.MULTILINE), "what the Python block prints"
    assert "all is as the journal says" in said
    assert "compared with 1 checkpoint" in said
    assert_metrics_exist(text, {line.split()[1] for line in lines if line.startswith("metric ")})


def assert_as_shown(answer: dict[str, Any], shown: dict[str, Any]) -> None:
    """The answer has what the page shows, but for its time."""
    assert list(answer) != []
    assert answer.keys() == shown.keys()
    assert answer | {"valid_until": ""} == shown | {"valid_until": ""}


def assert_metrics_exist(text: str, told: set[str]) -> None:
    named = set(re.findall(r"`(talktime_\w+)`", text))
    assert named
    assert named - told == set()


def rows(heading: str) -> list[list[str]]:
    """The cells of the first table behind a heading."""
    table = PAGE.read_text("utf-8").split(heading)[1].split("\n|---")[1].split("\n\n")[0]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[1:]]


def test_every_refusal_is_told_with_whether_a_retry_helps() -> None:
    told = {reason.strip("`"): retry for reason, _, retry in rows("## What a denial means")}
    known = {one.code: "yes" if one.retry_helps else "no" for one in Refusal if one is not Refusal.NONE}
    assert told == known


def test_every_unavailability_is_told() -> None:
    told = [codes.split(", ") for status, codes, _ in rows("## HTTP statuses") if status == "503"]
    known = {*UNAVAILABLE.values(), "engine_away"}  # the last one is a front's
    assert {code.strip("`") for codes in told for code in codes} == known
