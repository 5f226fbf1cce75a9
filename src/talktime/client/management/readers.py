"""How answers are read: as values, as tables, as a page of a list, as a file; with their ETag."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Generic, TypeVar, cast

import httpx
import msgspec

from talktime.client.pages import Page

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Seen(Generic[T]):
    """What was read, with the ETag that says which state of it that was, "" where the service told none.

    Given to `if_match` of a change, the change is made only while that state is still there.
    """

    value: T
    etag: str


class Values(Generic[T]):
    """Reads a body as a value of a kind; its decoder is made when the first answer comes."""

    def __init__(self, kind: type[T]) -> None:
        self.kind = kind

    @cached_property
    def _decoder(self) -> msgspec.json.Decoder[T]:
        return msgspec.json.Decoder(self.kind)

    def __call__(self, response: httpx.Response) -> T:
        """The value."""
        return self._decoder.decode(response.content)


class Tables(Generic[T]):
    """Reads a body as a table of the tenant file, unknown keys and all: it may be sent back."""

    def __init__(self, kind: type[T]) -> None:
        self.kind = kind

    def __call__(self, response: httpx.Response) -> T:
        """The table."""
        return cast("T", msgspec.json.decode(response.content, type=dict[str, Any]))


class Under(Generic[T]):
    """Reads what stands under one name of a body: `{"waivers": [...]}`; `tables`: as it came."""

    def __init__(self, name: str, kind: type[T], *, tables: bool = False) -> None:
        self.name = name
        self.kind = kind
        self._tables = tables

    @cached_property
    def _decoder(self) -> msgspec.json.Decoder[tuple[T, ...]]:
        kind: Any = dict[str, Any] if self._tables else self.kind
        return msgspec.json.Decoder(tuple[kind, ...])

    def __call__(self, response: httpx.Response) -> tuple[T, ...]:
        """The values in order."""
        return self._decoder.decode(_members(response, self.name)[self.name])


class PageOf(Generic[T]):
    """Reads a page of a list: `{"calls": [...], "next": ...}`. `tables`: items stay as they came."""

    def __init__(self, name: str, kind: type[T], *, tables: bool = False) -> None:
        self.name = name
        self.kind = kind
        self._tables = tables

    @cached_property
    def _decoder(self) -> msgspec.json.Decoder[tuple[T, ...]]:
        kind: Any = dict[str, Any] if self._tables else self.kind
        return msgspec.json.Decoder(tuple[kind, ...])

    def __call__(self, response: httpx.Response) -> Page[T]:
        """The page."""
        members = _members(response, self.name)
        following = msgspec.json.decode(members.get("next", b"null"), type=str | int | None)
        return Page(self._decoder.decode(members[self.name]), following)


class WithTag(Generic[T]):
    """Reads an answer by another reader and keeps its ETag."""

    def __init__(self, reads: Values[T] | Tables[T] | Under[Any]) -> None:
        self.reads = reads

    def __call__(self, response: httpx.Response) -> Seen[T]:
        """The value and its ETag."""
        return Seen(cast("T", self.reads(response)), response.headers.get("etag", ""))


def _members(response: httpx.Response, name: str) -> dict[str, msgspec.Raw]:
    """The members of an object, of which one has to be there. Raises msgspec.ValidationError."""
    members = msgspec.json.decode(response.content, type=dict[str, msgspec.Raw])
    if name not in members:
        raise msgspec.ValidationError(f"Object missing required field `{name}`")
    return members


def file(response: httpx.Response) -> bytes:
    """Reads a file."""
    return response.content


def text(response: httpx.Response) -> str:
    """Reads a file of text."""
    return response.text
