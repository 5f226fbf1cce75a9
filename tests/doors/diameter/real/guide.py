"""docs/integrate-kamailio.md as the tests use it: its files under their names, its commands in their order.

So the configuration that people copy is the one that calls are placed with. What a test needs otherwise
(ports, names, seconds) is replaced text by text, and a text that is not there any more is an error.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from tests.house.tree import ROOT

PAGE: Final = ROOT / "docs" / "integrate-kamailio.md"
_FILE: Final = re.compile(r"^\*\*`([\w.]+)`\*\*[^\n]*\n\n```[\w-]+\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_BLOCK: Final = re.compile(r"^```([\w-]+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def files() -> dict[str, str]:
    """Name -> content of each file that the page shows."""
    return dict(_FILE.findall(PAGE.read_text("utf-8")))


def commands() -> str:
    """The page's commands in order, as one script. Those that need root or another machine are `console`."""
    blocks: list[tuple[str, str]] = _BLOCK.findall(PAGE.read_text("utf-8"))
    return "\n".join(content for language, content in blocks if language == "sh")


def with_ports(text: str, ports: Mapping[str, str]) -> str:
    """The text with those of these ports replaced that it names."""
    return fitted(text, {shown: own for shown, own in ports.items() if shown in text})


def fitted(text: str, replacements: Mapping[str, str]) -> str:
    """The text with each key replaced wherever it stands; each has to stand somewhere."""
    for old, new in replacements.items():
        assert old in text, f"docs/integrate-kamailio.md has no {old!r} any more"
        text = text.replace(old, new)
    return text
