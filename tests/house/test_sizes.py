"""No file grows past 600 lines and no function past 60: the tail is where code turns into a knot."""

import ast
from collections.abc import Iterator

from tests.house.tree import offences, source_files

FILE_LINES = 600
FUNCTION_LINES = 60
LOOP = "settle_rows"
"""The one function that may be longer: handing on columns costs the compiled loop more than a row does."""


def too_long(text: str) -> Iterator[str]:
    """Names the file if it is too long, and each function that is."""
    lines = len(text.splitlines())
    if lines > FILE_LINES:
        yield f"{lines} lines in a file, {FILE_LINES} are allowed: split it by subject"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > FUNCTION_LINES and node.name != LOOP:
                yield f"{node.name} (line {node.lineno}) has {length} lines, {FUNCTION_LINES} are allowed"


def test_lengths_are_counted_to_the_line() -> None:
    function = "def f():\n" + "    x = 1\n" * (FUNCTION_LINES - 1)
    assert list(too_long(function)) == []
    assert list(too_long(function + "    x = 1\n")) == ["f (line 1) has 61 lines, 60 are allowed"]
    assert list(too_long("x = 1\n" * FILE_LINES)) == []
    assert list(too_long("x = 1\n" * FILE_LINES + "x = 1\n")) == [
        "601 lines in a file, 600 are allowed: split it by subject"
    ]


def test_no_file_and_no_function_is_too_long() -> None:
    assert source_files()
    assert offences(source_files(), too_long) == []
