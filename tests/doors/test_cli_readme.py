"""What README and docs show is what the commands do: their commands run, their output is printed."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.doors.terminal import Terminal
from tests.house.tree import ROOT

PAGES = ("README.md", "docs/rate.md", "docs/decks.md", "docs/files.md", "docs/credits.md", "docs/people.md")


def blocks(page: str, language: str) -> Iterator[str]:
    """The fenced blocks of a page in a language."""
    text = (ROOT / page).read_text("utf-8")
    return (found[1] for found in re.finditer(rf"```{language}\n(.*?)```", text, re.DOTALL))


def commands(page: str) -> list[list[str]]:
    """Each `talktime ...` line of a page's shell blocks, as words, without its comment."""
    lines = [line for block in blocks(page, "sh") for line in block.splitlines()]
    return [shlex.split(line, comments=True)[1:] for line in lines if line.startswith("talktime ")]


@pytest.fixture
def demo(terminal: Terminal) -> Terminal:
    """A terminal in a folder where `make run` has been."""
    assert terminal.run("demo", "--no-serve").code == 0
    return terminal


@pytest.mark.parametrize("page", PAGES)
def test_every_command_that_a_page_shows_runs(demo: Terminal, page: str) -> None:
    shown = commands(page)
    assert shown
    for words in shown:
        if words[:2] == ["explain", "CALL"]:
            continue  # shown with a real id below
        answer = demo.run(*words)
        assert (answer.code, answer.err) == (0, ""), words


def test_the_readme_shows_what_is_printed(terminal: Terminal) -> None:
    printed = terminal.run("demo", "--no-serve").out
    month, explanation = blocks("README.md", "text")
    lines = {line.rstrip() for line in printed.splitlines()}
    assert [line for line in month.splitlines() if line.strip() and line.rstrip() not in lines] == []
    call = explanation.split()[1].rstrip(":")
    explained = {line.rstrip() for line in terminal.run("explain", call).out.splitlines()}
    assert [line for line in explanation.splitlines() if line.rstrip() not in explained] == []


def test_the_tenant_file_that_the_docs_show_is_one(demo: Terminal, tmp_path: Path) -> None:
    shown = next(iter(blocks("docs/rate.md", "toml")))
    path = tmp_path / "tenant.toml"
    path.write_text(shown, "utf-8")
    assert demo.run("rate", "demo/usage.csv", "--tenant", path).code == 0
