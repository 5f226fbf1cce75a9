"""One description of each request, for programs that wait and for those with an event loop.

A part of the API is a class whose methods say what goes into a request; `asks` adds the route and how its
answer is read. Called on `Part[Sender]` such a method answers, on `Part[AsyncSender]` it has to be awaited:
the type checker knows both from the one description.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Concatenate, Final, Generic, ParamSpec, Self, TypeVar, overload
from urllib.parse import quote

import httpx
import msgspec

from talktime.client.exchanges import Exchange
from talktime.client.management.readers import Seen
from talktime.client.operations import JSON, as_utc
from talktime.client.pages import AsyncPages, Listing, Page, Pages, Place
from talktime.client.sending import AsyncSender, Sender, Steps

P = ParamSpec("P")
T = TypeVar("T")
S = TypeVar("S", bound="Sender | AsyncSender")

Reads = Callable[[httpx.Response], T]
"""How an answer is read."""

IfMatch = Seen[Any] | str | None
"""What was seen, or its ETag: a change is then made only while that is still there (412 otherwise)."""

UNDER_ONE: Final = frozenset({"", ".", ".."})
"""What names nothing in an address, or something else than is meant."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What goes into one request beside its route.

    `names` fill the address; None and "" are not sent in `query`, None not in `body`. `file` is (content or
    where it lies, media type) of a body that is no JSON. `repeats` None: as the method says, `exchange_of`.
    """

    names: Mapping[str, str | int] = field(default_factory=dict)
    query: Mapping[str, object] = field(default_factory=dict)
    body: Mapping[str, object] | None = None
    file: tuple[bytes | Path, str] | None = None
    key: str = ""
    if_match: IfMatch = None
    repeats: bool | None = None


@dataclass(frozen=True, slots=True)
class Route:
    """A method and an address as the description of the API has them."""

    method: str
    path: str


def exchange_of(route: Route, names: Mapping[str, str], sent: Sent, reads: Reads[T]) -> Exchange[T]:
    """The request as it goes out. Raises ValueError for a name that no address can hold.

    It may be sent twice where nothing can come of it that one does not do: what is read, what has an
    Idempotency-Key, and what is put as a whole without a condition.
    """
    tag = _tag(sent.if_match)
    plain = route.method == "GET" or bool(sent.key) or (route.method == "PUT" and not tag)
    content, media = sent.file if sent.file is not None else (_json(sent.body), JSON)
    return Exchange(
        method=route.method,
        path=_address(route.path, {**names, **sent.names}) + _query(sent.query),
        content=content,
        content_type=media,
        decode=reads,
        repeats=plain if sent.repeats is None else sent.repeats,
        key=sent.key,
        headers={"If-Match": tag} if tag else {},
    )


def _address(path: str, names: Mapping[str, str | int]) -> str:
    for name, value in names.items():
        if str(value) in UNDER_ONE:
            raise ValueError(f"{name} is {value!r}, which names nothing in an address")
    return path.format_map({name: quote(str(value), safe="") for name, value in names.items()})


def _query(query: Mapping[str, object]) -> str:
    told = {name: _word(value) for name, value in query.items() if value is not None and value != ""}
    return f"?{httpx.QueryParams(told)}" if told else ""


def _word(value: object) -> str:
    word = msgspec.to_builtins(_plain(value))
    return str(word).lower() if isinstance(word, bool) else str(word)


def _json(body: Mapping[str, object] | None) -> bytes:
    if body is None:
        return b""
    return msgspec.json.encode({name: _plain(value) for name, value in body.items() if value is not None})


def _plain(value: object) -> object:
    """Amounts without an exponent, instants in UTC. Raises ValueError for an instant without a time zone."""
    if isinstance(value, Decimal):
        return f"{value:f}"
    return as_utc(value) if isinstance(value, datetime) else value


def _tag(if_match: IfMatch) -> str:
    if not isinstance(if_match, Seen):
        return if_match or ""
    if not if_match.etag:
        raise ValueError("what was seen has no ETag: read it again before it is changed on a condition")
    return if_match.etag


# --- parts and what they ask -----------------------------------------------------------------------------


class Part(Generic[S]):
    """A part of the API: what sends its requests, and the names that all its addresses hold."""

    def __init__(self, sender: S, names: Mapping[str, str]) -> None:
        self._sender = sender
        self._names = names


class Asked(Generic[P, T]):
    """A method that asks once."""

    def __init__(self, route: Route, reads: Reads[T], says: Callable[Concatenate[Any, P], Sent]) -> None:
        self.route = route
        self.reads = reads
        self._says = says
        self.__doc__ = says.__doc__

    @overload
    def __get__(self, part: None, owner: Any) -> Self: ...
    @overload
    def __get__(self, part: Part[Sender], owner: Any) -> Callable[P, T]: ...
    @overload
    def __get__(self, part: Part[AsyncSender], owner: Any) -> Callable[P, Coroutine[Any, Any, T]]: ...
    def __get__(self, part: Any, owner: Any) -> Any:
        """The method of a part."""
        if part is None:
            return self

        @functools.wraps(self._says.__get__(part))
        def ask(*args: P.args, **kwargs: P.kwargs) -> Any:
            return part._sender.run(self.exchange(part, *args, **kwargs))

        return ask

    def exchange(self, part: Part[Any], *args: P.args, **kwargs: P.kwargs) -> Exchange[T]:
        """The request alone, for what takes several steps."""
        return exchange_of(self.route, part._names, self._says(part, *args, **kwargs), self.reads)


class Listed(Generic[P, T]):
    """A method that gives a list, page by page; `place` is the query's word for where a page begins."""

    def __init__(
        self,
        route: Route,
        reads: Reads[Page[T]],
        place: str,
        says: Callable[Concatenate[Any, P], Sent],
    ) -> None:
        self.route = route
        self.reads = reads
        self.place = place
        self._says = says
        self.__doc__ = says.__doc__

    @overload
    def __get__(self, part: None, owner: Any) -> Self: ...
    @overload
    def __get__(self, part: Part[Sender], owner: Any) -> Callable[P, Pages[T]]: ...
    @overload
    def __get__(self, part: Part[AsyncSender], owner: Any) -> Callable[P, AsyncPages[T]]: ...
    def __get__(self, part: Any, owner: Any) -> Any:
        """The method of a part."""
        if part is None:
            return self

        @functools.wraps(self._says.__get__(part))
        def listed(*args: P.args, **kwargs: P.kwargs) -> Any:
            return part._sender.listed(self.listing(part, *args, **kwargs))

        return listed

    def listing(self, part: Part[Any], *args: P.args, **kwargs: P.kwargs) -> Listing[T]:
        """The list as something to be sent."""
        sent = self._says(part, *args, **kwargs)

        def ask(place: Place) -> Exchange[Page[T]]:
            query = {**sent.query, self.place: place}
            return exchange_of(self.route, part._names, Sent(names=sent.names, query=query), self.reads)

        begin = sent.query.get(self.place)
        return Listing(ask, begin if isinstance(begin, str | int) else "")


class Stepped(Generic[P, T]):
    """A method that asks several times and pauses between."""

    def __init__(self, steps: Callable[Concatenate[Any, P], Steps[T]]) -> None:
        self._steps = steps
        self.__doc__ = steps.__doc__

    @overload
    def __get__(self, part: None, owner: Any) -> Self: ...
    @overload
    def __get__(self, part: Part[Sender], owner: Any) -> Callable[P, T]: ...
    @overload
    def __get__(self, part: Part[AsyncSender], owner: Any) -> Callable[P, Coroutine[Any, Any, T]]: ...
    def __get__(self, part: Any, owner: Any) -> Any:
        """The method of a part."""
        if part is None:
            return self

        @functools.wraps(self._steps.__get__(part))
        def drive(*args: P.args, **kwargs: P.kwargs) -> Any:
            return part._sender.drive(self._steps(part, *args, **kwargs))

        return drive


Says = Callable[Concatenate[Any, P], Sent]


def asks(method: str, path: str, reads: Reads[T]) -> Callable[[Says[P]], Asked[P, T]]:
    """Makes a method that asks `method path` once out of one that says what goes into the request."""
    return functools.partial(Asked, Route(method, path), reads)


def lists(path: str, reads: Reads[Page[T]], place: str = "cursor") -> Callable[[Says[P]], Listed[P, T]]:
    """Makes a method that lists what `GET path` has out of one that says what goes into its query."""
    return functools.partial(Listed, Route("GET", path), reads, place)


def steps(many: Callable[Concatenate[Any, P], Steps[T]]) -> Stepped[P, T]:
    """Makes a method out of one that yields what to send, one after the other."""
    return Stepped(many)
