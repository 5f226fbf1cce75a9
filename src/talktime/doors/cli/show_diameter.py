"""A capture of Diameter messages on the terminal, and the same as one JSON object."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from rich.padding import Padding
from rich.table import Table

from talktime.doors.cli.screen import screen_of
from talktime.doors.diameter.streams import shown_place
from talktime.doors.diameter.wire.codes import Result
from talktime.files.instants import format_instant
from talktime.live.operations import NOT_ASKED

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from rich.console import Console

    from talktime.doors.cli.screen import Screen
    from talktime.doors.diameter.explain import Explained, Explanation, SessionSum
    from talktime.doors.diameter.explain_credit import Credit
    from talktime.doors.diameter.wire.dictionary import Shown

_INDENT: Final = 3


def show_explanation(console: Console, explanation: Explanation) -> None:
    """Every message, then the sums of the sessions, then what the capture lacks."""
    screen = screen_of(console)
    for number, explained in enumerate(explanation.messages, 1):
        if number > 1:
            screen.say()
        _message(screen, number, explained)
    if explanation.sessions:
        screen.title("Sessions")
        headings = ("session", "tenant", "", "answers", "requests", "used in all")
        screen.show(screen.table(headings, [_session(one) for one in explanation.sessions], left=4))
    if explanation.notes:
        screen.title("Of the capture")
        show_sentences(screen, explanation.notes)


def _message(screen: Screen, number: int, explained: Explained) -> None:
    screen.say(f"{number}  {explained.name}{_result(explained)}", "bold")
    way = _way(explained)
    message = explained.message
    ids = f"hop-by-hop {message.hop_by_hop:#010x}, end-to-end {message.end_to_end:#010x}"
    for line in (way, f"flags {explained.flags or '-'}, application {message.application}, {ids}"):
        if line:
            screen.say(" " * _INDENT + line, "dim")
    _pairs(screen, _lines(explained.avps, 0), "dim")
    steps = list(_steps(explained))
    if steps:
        screen.say()
        _pairs(screen, steps, "bold")


def _pairs(screen: Screen, pairs: Iterable[tuple[str, str]], style: str) -> None:
    """Names and what they stand for, one below the other."""
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for name, sentence in pairs:
        grid.add_row(screen.text(name, style), screen.text(sentence))
    screen.show(Padding(grid, (0, 0, 0, _INDENT)))


def show_sentences(screen: Screen, sentences: Sequence[str]) -> None:
    """Each behind a dash."""
    grid = Table.grid(padding=(0, 1, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for sentence in sentences:
        grid.add_row(screen.text("-"), screen.text(sentence))
    screen.show(grid)


def _way(explained: Explained) -> str:
    seen = explained.seen
    if seen.source is None or seen.target is None:
        return ""
    return f"{format_instant(seen.at_us)}  {shown_place(seen.source)} -> {shown_place(seen.target)}"


def _lines(avps: Sequence[tuple[str, Shown]], depth: int) -> Iterator[tuple[str, str]]:
    """A line for each AVP, those of a group indented below it."""
    for name, value in avps:
        indented = "  " * depth + name
        if isinstance(value, list):
            yield indented, ""
            yield from _lines(value, depth + 1)
        else:
            yield indented, str(value)


def _steps(explained: Explained) -> Iterator[tuple[str, str]]:
    if explained.fault is not None:
        code = _code(explained.fault.result)
        yield "cannot be read", f"{explained.fault.sentence}; it is answered {code}"
    if explained.credit is not None:
        yield from _credit(explained.credit)
    for at, sentence in enumerate(explained.odd):
        yield "" if at else "odd", sentence


def _credit(credit: Credit) -> Iterator[tuple[str, str]]:
    who = credit.who
    if who is not None:
        yield "tenant", who.tenant or "none; it is let through all the same"
        sides = (("user", who.user), ("service number", who.service_number), ("call type", who.call_type))
        yield from ((name, value) for name, value in sides if value)
        yield "from, to", f"{who.caller or '?'} -> {who.callee or '?'}"
    if credit.category:
        yield "category", credit.category
    yield "seconds", f"{credit.used_s:,} used since the last report, {_asked(credit)}"
    yield "becomes", credit.operation
    for at, sentence in enumerate(credit.why):
        yield "" if at else "why", sentence


def _asked(credit: Credit) -> str:
    if credit.asked_s is None:
        return "none asked for"
    return "as many asked for as it gets" if credit.asked_s == NOT_ASKED else f"{credit.asked_s:,} asked for"


def _result(explained: Explained) -> str:
    if explained.result is None:
        return ""
    granted = "" if explained.granted_s is None else f", {explained.granted_s:,} s granted"
    return f": {_code(explained.result)}{granted}"


def _code(result: int) -> str:
    known = {int(code): code.name for code in Result}
    return f"{result} {known[result]}" if result in known else str(result)


def _session(one: SessionSum) -> tuple[str, ...]:
    answers = " ".join(map(str, one.results)) or "not seen"
    requests = f"{one.requests:,}" + (f" ({one.repeats:,} repeated)" if one.repeats else "")
    return one.session_id, one.tenant or "-", one.state, answers, requests, f"{one.used_s:,} s"


def explanation_json(explanation: Explanation, settings: Path | None) -> dict[str, Any]:
    """The same for programs."""
    return {
        "settings": None if settings is None else str(settings),
        "messages": [_message_json(number, each) for number, each in enumerate(explanation.messages, 1)],
        "sessions": [
            {
                "session_id": one.session_id,
                "tenant": one.tenant or None,
                "requests": one.requests,
                "repeats": one.repeats,
                "used_seconds": one.used_s,
                "state": one.state,
                "results": list(one.results),
            }
            for one in explanation.sessions
        ],
        "notes": list(explanation.notes),
    }


def _message_json(number: int, explained: Explained) -> dict[str, Any]:
    seen, message, fault = explained.seen, explained.message, explained.fault
    return {
        "number": number,
        "at": format_instant(seen.at_us) if seen.at_us else None,
        "from": None if seen.source is None else shown_place(seen.source),
        "to": None if seen.target is None else shown_place(seen.target),
        "name": explained.name,
        "command": message.command,
        "request": message.is_request,
        "flags": explained.flags.split(),
        "application": message.application,
        "hop_by_hop": message.hop_by_hop,
        "end_to_end": message.end_to_end,
        "session_id": explained.session_id or None,
        "avps": _avps_json(explained.avps),
        "understood": None if explained.credit is None else _credit_json(explained.credit),
        "fault": None if fault is None else {"result": fault.result, "detail": fault.sentence},
        "result": explained.result,
        "granted_seconds": explained.granted_s,
        "odd": list(explained.odd),
    }


def _avps_json(avps: Sequence[tuple[str, Shown]]) -> list[dict[str, Any]]:
    return [
        {"name": name, "value": _avps_json(value) if isinstance(value, list) else value}
        for name, value in avps
    ]


def _credit_json(credit: Credit) -> dict[str, Any]:
    who = credit.who
    return {
        "kind": credit.kind,
        "number": credit.number,
        "tenant": None if who is None else who.tenant or None,
        "user": None if who is None else who.user or None,
        "service_number": None if who is None else who.service_number or None,
        "call_type": None if who is None else who.call_type,
        "caller": None if who is None else who.caller,
        "callee": None if who is None else who.callee,
        "category": credit.category or None,
        "used_seconds": credit.used_s,
        "asked_seconds": None if credit.asked_s in (None, NOT_ASKED) else credit.asked_s,
        "operation": credit.operation,
        "why": list(credit.why),
    }
