"""What calls cost, summed by category, country, user, service number or cost centre (domain.md 12).

The lines are one sum of the ledger, the total another one, made without groups; where the two disagree the
report is refused with both figures, never shown.
"""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING, NamedTuple

from talktime.core.money import format_money
from talktime.ledger.usage_reading import NO_SUMS, Asked, Keys, Sums, UsageReader

if TYPE_CHECKING:
    from talktime.insight.usage_rows import UsageRows


class NotReconciledError(Exception):
    """Two sums of the same calls that have to be equal and are not; the message has both figures."""


class SpendLine(NamedTuple):
    """The sums of one category, country, user, number or cost centre; `key` "" where a call has none."""

    key: str
    sums: Sums


class Spend(NamedTuple):
    """The lines, dearest first, and what all calls of the span come to."""

    by: str
    lines: tuple[SpendLine, ...]
    total: Sums


def spend(reader: UsageReader, rows: UsageRows, asked: Asked, by: str) -> Spend:
    """Sums the calls of a span. Raises NotReconciledError, and KeyError for a `by` that there is not."""
    end = reader.end(asked.tenant)
    grouped: dict[str, Sums] = {}
    for keys, sums in reader.sums(asked, end, by).items():
        key = line_key(rows, by, keys)
        grouped[key] = grouped.get(key, NO_SUMS).plus(sums)
    lines = [SpendLine(key, sums) for key, sums in grouped.items()]
    lines.sort(key=lambda line: (-line.sums.amount, -line.sums.billed_s, line.key))
    total = reader.total(asked, end)
    check_reconciled(lines, total)
    return Spend(by, tuple(lines), total)


def line_key(rows: UsageRows, by: str, keys: Keys) -> str:
    """What a report calls a group that the ledger knows by `keys` (see `UsageReader.sums`)."""
    first, second = keys
    if by == "country":
        return rows.country(first)
    if by == "user":
        return rows.shown_user(first)
    if by == "cost_centre":
        service, user = rows.service(second), rows.user(first)
        centre = "" if service is None else service.cost_centre
        return centre or ("" if user is None else user.cost_centre)
    return first


def check_reconciled(lines: list[SpendLine], total: Sums) -> None:
    """Raises NotReconciledError where lines and total disagree, or who paid is not what was charged."""
    together = reduce(Sums.plus, (line.sums for line in lines), NO_SUMS)
    if together != total:
        raise NotReconciledError(
            f"the lines come to {format_money(together.amount)} in {together.calls} calls, "
            f"all charges to {format_money(total.amount)} in {total.calls}; run `talktime verify`"
        )
    paid = total.credits + total.post_usage + total.overdraft
    if paid != total.amount:
        raise NotReconciledError(
            f"{format_money(total.amount)} were charged, but {format_money(paid)} were paid; "
            "run `talktime verify`"
        )
