"""Why a call costs what it costs: the chain of reasons as sentences and as JSON (domain.md 3).

An explanation is made from one row of a run and the run's document alone: nothing is rated again. The
arithmetic of the amount is shown with the numbers that the row keeps.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final, Protocol

from talktime.core.money import NANOS_PLACES, format_decimal, format_minutes, format_money
from talktime.files.instants import format_instant
from talktime.files.report import SAMPLE_PRICES
from talktime.insight.kinds_of_row import comes_in, is_message
from talktime.insight.wording import FLAGS, FUNDING, ORIGINS, REASONS, helps, meaning, moment

if TYPE_CHECKING:
    from talktime.insight.run_document import RunDocument

Row = Mapping[str, Any]
"""A call as `read_run.call_rows` has it."""


class KnownLot(Protocol):
    """A lot as explanations name it."""

    @property
    def id(self) -> str:
        """As the column `lots` names it."""

    @property
    def origin(self) -> str:
        """opening, purchase, recharge or adjustment."""

    @property
    def bought_at_us(self) -> int:
        """When it was bought."""

    @property
    def expires_at_us(self) -> int:
        """When what is left is forfeited."""


class KnownDeck(Protocol):
    """A deck as explanations name it."""

    @property
    def sample(self) -> bool:
        """Whether its prices are not real."""


class Background(Protocol):
    """What is known beside the row: of a run by its document, of a live call by the ledger."""

    @property
    def catalogue(self) -> str:
        """Which catalogue chose the category; "" where nobody kept it."""

    @property
    def deck(self) -> KnownDeck:
        """The deck."""

    @property
    def lots(self) -> Sequence[KnownLot]:
        """Lots that the row may name."""


FILES_NAMED: Final = 3
"""Files of a run that an explanation names; more are counted."""

_NANO_SECONDS_PER_MICRO_MINUTE: Final = 60_000

_PART: Final = re.compile(r"(.+?)=(\d+(?:\.\d+)?)(?:;|$)")


@dataclass(frozen=True, slots=True)
class Step:
    """One reason. `facts` are plain JSON: decimal strings, integers, null."""

    name: str
    sentence: str
    facts: dict[str, Any]


@dataclass(frozen=True, slots=True)
class RunFacts:
    """Which run a call was charged in. `files` are the first names; `rated_at_us` is None where not known."""

    files: tuple[str, ...]
    files_total: int
    tenant: str | None
    deck: str
    rated_at_us: int | None

    title: ClassVar[str] = "run"

    def as_json(self) -> dict[str, Any]:
        """What the run was made from, without its time: two reports of one run say the same."""
        return {
            "files": list(self.files),
            "files_total": self.files_total,
            "tenant": self.tenant,
            "deck": self.deck,
        }

    @property
    def sentence(self) -> str:
        """One line for people: files, tenant, deck, time."""
        rest = self.files_total - len(self.files)
        files = ", ".join(self.files) + (f" and {rest:,} more" if rest else "")
        parts = [files, f"tenant {self.tenant}" if self.tenant else "no tenant file", f"deck {self.deck}"]
        if self.rated_at_us is not None:
            parts.append(f"rated {moment(self.rated_at_us)}")
        return "; ".join(part for part in parts if part)


@dataclass(frozen=True, slots=True)
class LedgerFacts:
    """Where in the ledger a live call is: its tenant, and the state of its session."""

    tenant: str
    session: str
    title: ClassVar[str] = "ledger"

    def as_json(self) -> dict[str, Any]:
        """The facts as plain JSON."""
        return {"tenant": self.tenant, "session": self.session}

    @property
    def sentence(self) -> str:
        """One line for people."""
        return f"tenant {self.tenant}; the call is {self.session.replace('_', ' ')}"


@dataclass(frozen=True, slots=True)
class Explanation:
    """The chain of reasons of one call. `run` tells which run charged it, or that the ledger did."""

    id: str
    call_id: str
    state: str
    amount: int
    currency: str
    steps: tuple[Step, ...]
    is_message: bool
    run: RunFacts | LedgerFacts

    def as_json(self) -> dict[str, Any]:
        """The explanation as plain JSON."""
        return {
            "id": self.id,
            "call_id": self.call_id or None,
            "state": self.state,
            "amount": format_money(self.amount),
            "currency": self.currency,
            self.run.title: self.run.as_json(),
            "steps": [{"step": s.name, "sentence": s.sentence, **s.facts} for s in self.steps],
        }


def explain(row: Row, document: RunDocument) -> Explanation:
    """Explains one call of a run."""
    steps = steps_of(row, document)
    return Explanation(
        id=row["id"],
        call_id=row["call_id"],
        state=row["state"],
        amount=row["amount"] or 0,
        currency=row["currency"],
        steps=steps,
        is_message=is_message(row["category"]),
        run=_run_facts(document),
    )


def steps_of(row: Row, known: Background) -> tuple[Step, ...]:
    """The chain of reasons of one row."""
    return tuple(step for about in _CHAIN for step in about(row, known))


def _run_facts(document: RunDocument) -> RunFacts:
    tenant, deck = document.tenant, document.deck
    return RunFacts(
        files=document.files[:FILES_NAMED],
        files_total=len(document.files) + document.files_left_out,
        tenant=f"{tenant.name} ({tenant.id})" if tenant.stated else None,
        deck=f"{deck.name} {deck.version}",
        rated_at_us=document.rated_at_us,
    )


def _call(row: Row, _: Background) -> Iterator[Step]:
    who = row["user"] or "nobody named"
    numbers = f"{row['caller'] or 'no number'} to {row['callee'] or 'no number'}"
    sentence = (
        f"{row['call_type'] or 'A call'} of {who}: {numbers}, "
        f"started {moment(row['start'])}, {row['duration_seconds']} s."
    )
    if is_message(row["category"]):
        sentence += " It is a text message, listed, not charged."
    elif row["state"] == "not_answered":
        sentence += " It was not answered, so nothing is billed."
    yield Step(
        "call",
        sentence,
        {
            "call_type": row["call_type"],
            "user": row["user"],
            "caller": row["caller"],
            "callee": row["callee"],
            "country": row["country"] or None,
            "start": format_instant(row["start"]),
            "end": format_instant(row["end"]),
            "duration_seconds": row["duration_seconds"],
            "source": row["source"],
            "line": row["line"],
        },
    )


def _category(row: Row, document: Background) -> Iterator[Step]:
    _, _, why = row["rule"].partition(": ")
    yield Step(
        "category",
        f"Category {row['category']}: {why or row['rule']}.",
        {"category": row["category"], "rule": row["rule"], "catalogue": document.catalogue or None},
    )


def _decision(row: Row, _: Background) -> Iterator[Step]:
    if row["state"] != "blocked":
        return
    reason = row["reason"]
    yield Step(
        "decision",
        f"Blocked ({reason}): {meaning(REASONS, reason)}. "
        f"It takes no included minutes and costs nothing.{helps(REASONS, reason)}",
        {"reason": reason, "blocked_seconds": row["blocked_seconds"]},
    )


def _rate(row: Row, document: Background) -> Iterator[Step]:
    if row["state"] == "not_answered":
        return
    deck = row["deck"] + (f" ({SAMPLE_PRICES})" if document.deck.sample else "")
    facts: dict[str, Any] = {
        "deck": row["deck"],
        "sample": document.deck.sample,
        "prefix": row["prefix"] or None,
        "rate_name": row["rate_name"] or None,
    }
    if row["price_per_minute"] is None:
        if row["reason"] == "no_rate":
            kind = "inbound row" if comes_in(row["call_type"], row["direction"]) else "row"
            yield Step("rate", f"Deck {deck} has no {kind} for {row['callee'] or 'this number'}.", facts)
        return
    currency = row["currency"]
    price, first_price = row["price_per_minute"], row["first_price_per_minute"]
    name = f" ({row['rate_name']})" if row["rate_name"] else ""
    first = "" if first_price == price else f", the first {row['first_seconds']} s at {_price(first_price)}"
    fee = f", connection fee {format_money(row['connection_fee'])}" if row["connection_fee"] else ""
    yield Step(
        "rate",
        f"Deck {deck}: prefix {row['prefix']}{name} is the longest that fits: "
        f"{_price(price)} {currency} a minute{first}{fee}.",
        facts
        | {
            "price_per_minute": _price(price),
            "first_price_per_minute": _price(first_price),
            "connection_fee": format_money(row["connection_fee"]),
        },
    )


def _billed(row: Row, _: Background) -> Iterator[Step]:
    billed_s = row["billed_seconds"] or row["blocked_seconds"]
    if not billed_s:
        return
    would = "would have been" if row["state"] == "blocked" else "are"
    first_s, step_s = row["first_seconds"], row["step_seconds"]
    if first_s is None:
        how, model = "started minutes", None
    else:
        model = row["increments"]
        whole = (
            "whole steps of {1} s, at least {0} s" if model == "whole" else "{0} s first, then steps of {1} s"
        )
        how = whole.format(first_s, step_s)
    yield Step(
        "billed",
        f"{row['duration_seconds']} s {would} billed as {_time(billed_s)}: {how}.",
        {
            "duration_seconds": row["duration_seconds"],
            "billed_seconds": row["billed_seconds"],
            "first_seconds": first_s,
            "step_seconds": step_s,
            "increments": model,
        },
    )


def _pools(row: Row, _: Background) -> Iterator[Step]:
    used = [{"pool": name, "seconds": int(value)} for name, value in _PART.findall(row["pool"])]
    if not row["pool_seconds"]:
        return
    by = ", ".join(f"{_time(part['seconds'])} of {part['pool']}" for part in used)
    left = row["pool_left_seconds"]
    rest = "" if left is None else f"; {_time(left)} were left in {'it' if len(used) == 1 else 'the last'}"
    yield Step(
        "included_minutes",
        f"Included minutes paid for the first {_time(row['pool_seconds'])}: {by}{rest}.",
        {"pool_seconds": row["pool_seconds"], "pools": used, "pool_left_seconds": left},
    )


def _amount(row: Row, _: Background) -> Iterator[Step]:
    paid_s, unrated_s = row["paid_seconds"], row["unrated_seconds"]
    facts = {
        "paid_seconds": paid_s,
        "unrated_seconds": unrated_s,
        "free_seconds": row["free_seconds"],
        "amount": format_money(row["amount"] or 0),
        "rounding": row["rounding"] or None,
    }
    if unrated_s:
        yield Step(
            "amount", f"{_time(unrated_s)} stay unrated and cost nothing until a deck has a rate.", facts
        )
    elif paid_s:
        money = f"{format_money(row['amount'])} {row['currency']}"
        yield Step(
            "amount", f"Money pays for {_time(paid_s)}: {_arithmetic(row)} = {money}{_rounded(row)}.", facts
        )
    elif row["pool_seconds"]:
        yield Step("amount", "Nothing is left for money to pay.", facts)
    elif row["free_seconds"]:
        yield Step("amount", f"All {_time(row['free_seconds'])} are free.", facts)


def _priced_parts(row: Row) -> tuple[int, int]:
    """Paid seconds at the first price, and those at the price behind it (rulings.md 13)."""
    first_s = max(0, min(row["billed_seconds"], row["first_seconds"]) - row["pool_seconds"])
    return first_s, row["paid_seconds"] - first_s


def _arithmetic(row: Row) -> str:
    """The parts of an amount: `0.05 fee + 60 s at 0.03/min + 120 s at 0.02/min` (domain.md 3)."""
    first_s, rest_s = _priced_parts(row)
    price, first_price = row["price_per_minute"], row["first_price_per_minute"]
    if price == first_price:
        first_s, rest_s = 0, row["paid_seconds"]
    parts = [f"{format_money(row['connection_fee'])} fee"] if row["connection_fee"] else []
    parts += [f"{s} s at {_price(nanos)}/min" for s, nanos in ((first_s, first_price), (rest_s, price)) if s]
    return " + ".join(parts)


def _rounded(row: Row) -> str:
    """How the amount was rounded; nothing where it is the exact sum of its parts."""
    first_s, rest_s = _priced_parts(row)
    nano_seconds = first_s * row["first_price_per_minute"] + rest_s * row["price_per_minute"]
    exact = nano_seconds == (row["amount"] - row["connection_fee"]) * _NANO_SECONDS_PER_MICRO_MINUTE
    method, _, decimals = row["rounding"].partition(" ")
    return "" if exact or not decimals else f", rounded {method.replace('_', ' ')} to {decimals} decimals"


def _funding(row: Row, document: Background) -> Iterator[Step]:
    if not row["amount"]:
        return
    lots = {lot.id: lot for lot in document.lots}
    drawn = []
    for name, money in _PART.findall(row["lots"]):
        lot = lots.get(name)
        drawn.append(
            {
                "lot": name,
                "amount": money,
                "bought_at": None if lot is None else format_instant(lot.bought_at_us),
                "expires_at": None if lot is None else format_instant(lot.expires_at_us),
                "origin": None if lot is None else lot.origin,
            }
        )
    parts = [
        f"{format_money(row[source])} by {FUNDING[source]}{_lots(drawn) if source == 'credits' else ''}"
        for source in ("credits", "post_usage", "overdraft")
        if row[source]
    ]
    yield Step(
        "funding",
        f"Paid: {', '.join(parts)}.",
        {
            "funding": row["funding"],
            **{source: format_money(row[source] or 0) for source in ("credits", "post_usage", "overdraft")},
            "lots": drawn,
        },
    )


def _lots(drawn: list[dict[str, Any]]) -> str:
    """The lots drawn, in the words that stand behind the credits."""
    if not drawn:
        return ""
    told = [
        f"{lot['amount']} of lot {lot['lot']}"
        + (
            f" ({ORIGINS.get(lot['origin'], lot['origin'])} of {lot['bought_at'][:10]})"
            if lot["bought_at"]
            else ""
        )
        for lot in drawn
    ]
    return f" ({', '.join(told)})"


def _balance(row: Row, _: Background) -> Iterator[Step]:
    if row["balance_after"] is None:
        return
    balance = f"{format_money(row['balance_after'])} {row['currency']}"
    recharge = row["recharge"] or 0
    bought = f"; that was below the trigger, so {format_money(recharge)} were bought" if recharge else ""
    yield Step(
        "balance",
        f"The balance after it was {balance}{bought}.",
        {"balance_after": format_money(row["balance_after"]), "recharge": format_money(recharge)},
    )


def _flags(row: Row, _: Background) -> Iterator[Step]:
    for flag in filter(None, row["flags"].split(";")):
        yield Step("flag", f"Flagged {flag}: {meaning(FLAGS, flag)}.{helps(FLAGS, flag)}", {"flag": flag})


_CHAIN: Final[tuple[Callable[[Row, Background], Iterator[Step]], ...]] = (
    _call,
    _category,
    _decision,
    _rate,
    _billed,
    _pools,
    _amount,
    _funding,
    _balance,
    _flags,
)


def _price(nanos: int) -> str:
    return format_decimal(nanos, NANOS_PLACES)


def _time(seconds: int) -> str:
    """`240 s (4 min)`; seconds alone where they are no round minutes."""
    return f"{seconds} s ({format_minutes(seconds)} min)" if seconds % 60 == 0 else f"{seconds} s"
