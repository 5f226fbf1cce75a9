"""What the documents say is there: commands, decision records, and the floors that import-linter checks."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from talktime.catalog.load import load_catalogue
from tests.house.tree import ROOT, offences, repository_files, settings

DECISION = re.compile(r"\d{4}-[a-z0-9]+(-[a-z0-9]+)*\.md")
DECISION_HEADINGS = ["## Context", "## Decision", "## Consequences"]
TARGET = re.compile(r"^([a-z][a-z-]*):(?!=)", re.MULTILINE)
COMMAND = re.compile(r"(?:^|&&|;|\$)\s*make ([a-z][a-z-]*)", re.MULTILINE)
LINK = re.compile(r"\]\((?!\w+:|#)([^)#\s]+)")


def make_targets() -> set[str]:
    """The targets of the Makefile that have a name of their own."""
    return set(TARGET.findall((ROOT / "Makefile").read_text("utf-8")))


def commands(text: str) -> list[str]:
    """The targets of every `make ...` in a document: in its blocks of code, and between backticks."""
    parts = text.split("```")
    code = [*parts[1::2], *(span for prose in parts[::2] for span in prose.split("`")[1::2])]
    return [target for piece in code for target in COMMAND.findall(piece)]


def unknown_targets(text: str, targets: set[str]) -> Iterator[str]:
    """Names each `make ...` in a document that the Makefile does not know."""
    for target in commands(text):
        if target not in targets:
            yield f"make {target}"


def diagram(text: str) -> list[set[str]]:
    """The floors that the first block of the page draws, top floor first: `a | b    what it is`."""
    block = text.split("```")[1].split("\n", 1)[1]
    return [
        {name.strip() for name in re.split(r"\s{2,}", line.strip())[0].split("|")}
        for line in block.splitlines()
        if line.strip()
    ]


def documents() -> list[Path]:
    """Every page of the repository."""
    return [path for path in repository_files() if path.suffix == ".md"]


def test_commands_are_found_in_blocks_and_in_sentences() -> None:
    block = "```sh\ncd talktime && make test\n    make long-test  # to make sure\n```"
    text = f"Run `make run`, or\n{block}\nto make sense of `.venv/bin/x` and\nmake good use of `make`."
    assert commands(text) == ["test", "long-test", "run"]
    assert list(unknown_targets(text, {"run", "test"})) == ["make long-test"]


def test_the_makefile_has_every_command_that_a_document_names() -> None:
    targets = make_targets()
    assert {"run", "test"} <= targets
    assert offences(documents(), lambda text: unknown_targets(text, targets)) == []


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md"])
def test_a_newcomer_reads_the_two_commands(page: str) -> None:
    assert {"run", "test"} <= set(commands((ROOT / page).read_text("utf-8")))


def test_the_plan_that_contributing_shows_is_a_plan(tmp_path: Path) -> None:
    page = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    block = page.split("```toml\n")[1].split("```")[0]
    (tmp_path / "plans.toml").write_text(block, "utf-8")
    shown = set(load_catalogue(tmp_path).plans) - set(load_catalogue().plans)
    assert len(shown) == 1
    assert shown <= set(block.split('"'))


def test_links_between_documents_lead_somewhere() -> None:
    missing = [
        f"{page.relative_to(ROOT)}: {link}"
        for page in documents()
        for link in LINK.findall(page.read_text("utf-8"))
        if not (page.parent / link).exists()
    ]
    assert missing == []


def test_decision_records_have_a_number_a_title_and_the_three_parts() -> None:
    records = sorted((ROOT / "docs" / "decisions").iterdir())
    assert records
    assert [path.name for path in records if not DECISION.fullmatch(path.name)] == []
    numbers = [path.name[:4] for path in records]
    assert sorted(set(numbers)) == numbers, "two records have one number"
    for path in records:
        lines = path.read_text("utf-8").splitlines()
        assert lines[0].startswith(f"# {path.name[:4]} "), f"{path.name} opens with its number and title"
        assert [line for line in lines if line.startswith("## ")] == DECISION_HEADINGS, path.name


def test_the_architecture_page_draws_the_floors_that_are_checked() -> None:
    drawn = diagram((ROOT / "docs" / "architecture.md").read_text("utf-8"))
    contracts = {each["id"]: each for each in settings()["tool"]["importlinter"]["contracts"]}
    layers = contracts["floors"]["layers"]
    checked = [{name.strip(" ()") for name in re.split(r"[|:]", layer)} for layer in layers]
    assert drawn == checked
