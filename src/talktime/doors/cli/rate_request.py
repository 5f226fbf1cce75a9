"""What `talktime rate` is asked: the options as they were written, and what they stand for.

Wrong use is refused here, by one sentence, before any work is done.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from talktime.core.limits import MAX_MONEY_MICROS
from talktime.core.money import parse_money
from talktime.doors.cli.decks import SAMPLE, usable_deck
from talktime.doors.cli.problems import WrongUse

if TYPE_CHECKING:
    from talktime.accounts.tenant import Tenant
    from talktime.bulk.options import Options
    from talktime.core.deck import Deck
    from talktime.files.usage_stream import UsageStream


LAST_RUN = "last-run.parquet"
"""Where the last run is kept in the state folder, for `talktime explain` (rulings.md 7)."""


@dataclass(frozen=True, slots=True)
class RateRequest:
    """The options of `talktime rate`, as they were written."""

    usage: Sequence[str]
    rates: str | None = None
    tenant: Path | None = None
    balance: str | None = None
    recharge_add: str | None = None
    recharge_below: str | None = None
    treat_as: str = ""
    currency: str | None = None
    column_map: Path | None = None
    columns: Sequence[str] = ()
    preset: str | None = None
    out: Path | None = None
    as_json: bool = False
    work: Path | None = None


def check_out(out: Path, request: RateRequest) -> None:
    """Refuses a report that could not be written, or would replace what is read, before any work is done."""
    from talktime.files.report import ReportError
    from talktime.files.write_calls import writer

    try:
        writer(out)
    except ReportError as problem:
        raise WrongUse(f"--out {problem}") from None
    check_place("--out", out, request)


def check_place(option: str, out: Path, request: RateRequest, *others: Path) -> None:
    """Refuses a place where no file can be written, or one of a file that is read: usage, deck, `others`."""
    from talktime.files.usage_paths import usage_paths

    try:
        str(out).encode("utf-8")
    except UnicodeEncodeError:
        raise WrongUse(
            f"{option} {out}: the name holds bytes that are no text; choose another name"
        ) from None
    if not out.parent.is_dir():
        raise WrongUse(f"{option} {out}: there is no folder {out.parent}; make it first")
    named = [request.tenant, request.column_map, None if request.rates is None else Path(request.rates)]
    read = [*usage_paths(request.usage), *(path for path in (*named, *others) if path is not None)]
    if out.exists() and any(path.exists() and path.samefile(out) for path in read):
        raise WrongUse(f"{option} {out}: this file is read by the same command; give the report another name")


def options_of(request: RateRequest) -> Options:
    """What the options add to files, tenants and deck; money in micros. Raises WrongUse."""
    from talktime.bulk.run import Options

    options = Options(
        balance=amount_of("--balance", request.balance, least=0),
        recharge_below=amount_of("--recharge-below", request.recharge_below, least=1),
        recharge_add=amount_of("--recharge-add", request.recharge_add, least=1),
        treat_as=request.treat_as,
    )
    if (options.recharge_below is None) != (options.recharge_add is None):
        raise WrongUse("--recharge-below and --recharge-add go together; give both or none")
    if options.recharge_add is not None and options.balance is None and request.tenant is None:
        raise WrongUse("--recharge-add and --recharge-below need --balance or --tenant: credits to refill")
    return options


def amount_of(option: str, text: str | None, *, least: int) -> int | None:
    """An amount of an option in micros, None where it was not given. Raises WrongUse."""
    if text is None:
        return None
    try:
        micros = parse_money(text)
    except ValueError as problem:
        raise WrongUse(f"{option}: {problem}") from None
    if not least <= micros <= MAX_MONEY_MICROS:
        raise WrongUse(
            f"{option}: {text} must be {'0 or more' if least == 0 else 'more than 0'} and at most 10^9"
        )
    return micros


def currency_of(request: RateRequest) -> str | None:
    """The chosen currency in capital letters. Raises WrongUse."""
    chosen = request.currency
    if chosen is not None and not (len(chosen) == 3 and chosen.isascii() and chosen.isalpha()):
        raise WrongUse(f"--currency {chosen!r}: write the three letters of a currency, such as USD")
    return None if chosen is None else chosen.upper()


def existing(path: Path, what: str) -> Path:
    """The path, if there is something. Raises WrongUse."""
    if not path.exists():
        raise WrongUse(f"{what} {path}: no such file; check the name")
    return path


def deck_of(request: RateRequest, tenant: Tenant | None) -> tuple[Deck, tuple[str, ...]]:
    """The deck of the option, else of the tenant file (beside it), else the shipped sample."""
    if request.rates is not None:
        return usable_deck(request.rates)
    if tenant is not None and tenant.deck and request.tenant is not None:
        if tenant.deck == SAMPLE:
            return usable_deck(SAMPLE)
        return usable_deck(str(request.tenant.parent / tenant.deck))
    return usable_deck(SAMPLE)


def usage_frames(request: RateRequest, progress: Callable[[int, int], None]) -> UsageStream:
    """The usage that a request names, as a stream."""
    from talktime.files.column_map import chosen_format
    from talktime.files.usage import UnusableFile
    from talktime.files.usage_paths import usage_paths
    from talktime.files.usage_stream import usage_stream

    columns = columns_of(request.columns)
    try:
        chosen_format(None, columns, request.preset)
    except UnusableFile as problem:
        raise WrongUse(str(problem)) from None
    return usage_stream(
        usage_paths(request.usage),
        map_file=None if request.column_map is None else existing(request.column_map, "column map"),
        columns=columns,
        preset=request.preset,
        progress=progress,
    )


def columns_of(entries: Sequence[str]) -> dict[str, str]:
    """The entries of a column map as options."""
    columns: dict[str, str] = {}
    for entry in entries:
        name, equals, header = entry.partition("=")
        if not equals or not name or not header:
            raise WrongUse(f"--column {entry!r}: write NAME=HEADER, such as duration=billsec")
        columns[name] = header
    return columns
