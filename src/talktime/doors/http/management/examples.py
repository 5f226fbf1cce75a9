"""Examples of bodies for the description of the API: data of the catalogue, since they name plans and roles.

Read when somebody asks for the description, and put where the routes stand in it.
"""

from __future__ import annotations

import json
import tomllib
from importlib import resources
from typing import Any, Final

import msgspec

FILE: Final = "examples.toml"
JSON: Final = "application/json"


class Example(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A body of a route, `PUT /v1/...`, as text of a kind."""

    route: str
    kind: str
    body: str

    @property
    def value(self) -> object:
        """The body as the description shows it: JSON as it is, all else as text."""
        return json.loads(self.body) if self.kind == JSON else self.body


def load_examples() -> tuple[Example, ...]:
    """The shipped examples. Raises msgspec.ValidationError for a key that means nothing."""
    text = resources.files("talktime.catalog").joinpath("data", FILE).read_text("utf-8")
    return tuple(msgspec.convert(tomllib.loads(text)["example"], list[Example]))


def show_examples(document: dict[str, Any]) -> None:
    """Puts each example into an OpenAPI document. Raises KeyError for a route that is not in it."""
    for example in load_examples():
        method, _, path = example.route.partition(" ")
        content = document["paths"][path][method.lower()]["requestBody"]["content"]
        content[example.kind]["example"] = example.value
