"""The core knows integers only: no float literal, no `float`, no true division, none from math."""

import ast
from collections.abc import Iterator

import pytest

from tests.house.tree import SOURCE, offences

FLOAT_NAMES = {"float", "complex"}
INTEGER_MATH = {"comb", "factorial", "gcd", "isqrt", "lcm", "perm"}


def float_uses(text: str) -> Iterator[str]:
    """Names every place where a float could come from."""
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.Constant(value=float() | complex() as value):
                yield f"line {node.lineno}: the float {value!r}"
            case ast.Name(id=name) if name in FLOAT_NAMES:
                yield f"line {node.lineno}: {name}"
            case ast.BinOp(op=ast.Div()) | ast.AugAssign(op=ast.Div()):
                yield f"line {node.lineno}: true division; divide with // and say the rounding"
            case ast.Import(names=names) if any(alias.name == "math" for alias in names):
                yield f"line {node.lineno}: import math; name the integer functions: from math import gcd"
            case ast.ImportFrom(module="math", names=names):
                for alias in names:
                    if alias.name not in INTEGER_MATH:
                        yield f"line {node.lineno}: math.{alias.name} gives floats"
            case _:
                pass


@pytest.mark.parametrize(
    "line",
    [
        "x = 0.5",
        "x = 1e6",
        "x = 2j",
        "x = a / b",
        "x /= 2",
        "x = float(a)",
        "def f(x: float) -> int: ...",
        "import math",
        "from math import ceil",
    ],
)
def test_a_float_is_found(line: str) -> None:
    assert len(list(float_uses(line))) == 1


@pytest.mark.parametrize("line", ["x = -(-a // b)", "x = 10**6", "from math import gcd", "x = '0.5 / 2'"])
def test_integers_pass(line: str) -> None:
    assert list(float_uses(line)) == []


def test_the_core_has_no_float() -> None:
    files = sorted((SOURCE / "core").rglob("*.py"))
    assert files
    assert offences(files, float_uses) == []
