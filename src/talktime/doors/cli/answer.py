"""Answers as text that any output can take: JSON for programs, and words without harm for people.

JSON stays what it is by escapes where the output cannot show a sign; words get marks.
"""

import json
import sys
from typing import Any


def printable(text: str) -> str:
    """Text with marks in place of signs that a terminal would obey or cannot show; lines stay lines."""
    return "".join(sign if sign.isprintable() or sign == "\n" else "\ufffd" for sign in text)


def print_json(value: dict[str, Any]) -> None:
    """One JSON object on standard output."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    if text != printable(text) or not _fits(text):
        text = json.dumps(value, indent=2)
    print(text)  # noqa: T201 - the command's answer


def _fits(text: str) -> bool:
    """Whether standard output can show all of it."""
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        return False
    return True
