"""What belongs to a plan, a role or a country is catalogue data, never a word in the code.

A string in Python that is a plan code or a role's name, and a comparison with a country code, fail here. Text
in docstrings and sentences may speak of them.
"""

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.house.tree import SOURCE, offences, source_files

DATA = SOURCE / "catalog" / "data"
# The arrays of the catalogue that hold such words, and the keys under which an entry has them.
WORDS_OF = {"plan": ("code",), "role": ("name", "id")}
COUNTRY = re.compile(r"[A-Z]{2}")


def catalogue_words(data: dict[str, Any]) -> set[str]:
    """The plan codes and role names of one parsed data file."""
    return {
        str(entry[key])
        for array, keys in WORDS_OF.items()
        for entry in data.get(array, [])
        for key in keys
        if key in entry
    }


def shipped_words() -> set[str]:
    """The plan codes and role names of the shipped catalogue."""
    files: list[Path] = sorted(DATA.glob("*.toml"))
    return {word for path in files for word in catalogue_words(tomllib.loads(path.read_text("utf-8")))}


def word_uses(text: str, words: set[str]) -> Iterator[str]:
    """Names each string that is one of the words, or a list of them written as one string."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            parts = re.split(r"[\s,;|]+", node.value.strip())
            if node.value in words or all(part in words for part in parts):
                yield f"line {node.lineno}: {node.value!r} is catalogue data"


def country_comparisons(text: str) -> Iterator[str]:
    """Names each comparison with the code of a country: ==, !=, in (...), and cases of a match."""
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.Compare():
                sides: list[ast.AST] = [node.left, *node.comparators]
            case ast.MatchValue():
                sides = [node.value]
            case _:
                continue
        for side in sides:
            constants = side.elts if isinstance(side, ast.Tuple | ast.List | ast.Set) else [side]
            for constant in constants:
                value = getattr(constant, "value", None)
                if isinstance(value, str) and COUNTRY.fullmatch(value):
                    yield f"line {node.lineno}: compares with {value!r}; ask the catalogue"


@pytest.mark.parametrize("line", ["x = 'P1'", "if plan == 'P1': ...", "x = 'P1 P2'.split()", "x = {'P2': 1}"])
def test_a_plan_code_in_code_is_found(line: str) -> None:
    assert len(list(word_uses(line, {"P1", "P2"}))) == 1


@pytest.mark.parametrize("line", ["x = 'P3'", "x = ''", "x = 'what P1 gives'", "x = P1"])
def test_other_strings_pass(line: str) -> None:
    assert list(word_uses(line, {"P1", "P2"})) == []


@pytest.mark.parametrize(
    "line",
    [
        "if country == 'US': ...",
        "if 'US' != country: ...",
        "if country in ('US', country): ...",
        "match country:\n case 'US': ...",
    ],
)
def test_a_country_in_a_comparison_is_found(line: str) -> None:
    assert len(list(country_comparisons(line))) == 1


@pytest.mark.parametrize("line", ["if x == 'us': ...", "if currency == 'USD': ...", "example = 'US'"])
def test_other_comparisons_pass(line: str) -> None:
    assert list(country_comparisons(line)) == []


def test_words_are_read_from_the_catalogue() -> None:
    tables = ['[[plan]]\ncode = "P1"\nname = "One"', '[[role]]\nname = "Watch"', '[[other]]\nname = "x"']
    assert catalogue_words(tomllib.loads("\n".join(tables))) == {"P1", "Watch"}
    shipped = {array for path in DATA.glob("*.toml") for array in tomllib.loads(path.read_text("utf-8"))}
    assert shipped >= set(WORDS_OF), "an array of the catalogue changed its name: teach WORDS_OF the new one"


def test_no_plan_code_and_no_role_stands_in_the_code() -> None:
    words = shipped_words()
    assert offences(source_files(), lambda text: word_uses(text, words)) == []


def test_no_code_asks_for_a_country() -> None:
    assert offences(source_files(), country_comparisons) == []
