"""What calls of a span come to, filtered and grouped while one looks: for pages, where a second is long.

Sums are made of the columns that `UsageColumns` keeps, which have just been compared with the ledger; the
groups of each question are added up and compared with the sum of all of them. Whole files take `spend`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import reduce
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from talktime.accounts.calendar import day_of, day_start_us
from talktime.insight.spend import NotReconciledError, SpendLine, check_reconciled, line_key
from talktime.ledger.usage_columns import (
    CALL_TYPE,
    CATEGORY,
    CORRECTS,
    COUNTRY,
    FIRST_SUM,
    NUMBER,
    PLACE,
    SERVICE,
    START,
    SUMMED,
    USER,
    DisagreeingError,
    SpanTooLongError,
)
from talktime.ledger.usage_reading import NO_SUMS, Sums

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from talktime.insight.usage_rows import UsageRows
    from talktime.ledger.usage_columns import Piece, UsageColumns
    from talktime.ledger.usage_reading import Asked, Cursor

DAY: Final = "day"
MOST_DAYS: Final = 3_660
"""Days that are told one by one; ten years."""

_AT_ONCE: Final = 500_000
"""Calls that are grouped together."""

_GROUPS: Final = {
    "category": (CATEGORY,),
    "call_type": (CALL_TYPE,),
    "country": (COUNTRY,),
    "user": (USER,),
    "service_number": (SERVICE,),
    "cost_centre": (USER, SERVICE),
}
"""What calls are grouped by -> the words that decide it; DAY is decided by the start."""

GROUPS: Final = (*_GROUPS, DAY)


class Grouped(NamedTuple):
    """The lines of each question, dearest first (days in their order), and the sum of all calls."""

    lines: Mapping[str, tuple[SpendLine, ...]]
    total: Sums


class _Asking:
    """One question while the pieces go by."""

    def __init__(self, by: str, days: NDArray[np.int64]) -> None:
        self.by = by
        self._days = days
        self.found: dict[tuple[int, int], Sums] = {}

    def add(self, figures: NDArray[np.int64], words: NDArray[np.int32]) -> None:
        """Groups some calls and adds them up."""
        first, second = self._keys(figures, words)
        keys, places = np.unique(first * (1 << 32) + second, return_inverse=True)
        sums = np.zeros((len(keys), 1 + len(SUMMED)), dtype=np.int64)
        np.add.at(sums[:, 0], places, 1)
        for at in range(len(SUMMED)):
            np.add.at(sums[:, 1 + at], places, figures[FIRST_SUM + at])
        for key, line in zip(keys.tolist(), sums.tolist(), strict=True):
            both = divmod(key, 1 << 32)
            self.found[both] = self.found.get(both, NO_SUMS).plus(Sums(*line))

    def _keys(
        self, figures: NDArray[np.int64], words: NDArray[np.int32]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        none = np.zeros(figures.shape[1], dtype=np.int64)
        if self.by == DAY:
            return np.searchsorted(self._days, figures[START], side="right") - 1, none
        first, *more = (words[row].astype(np.int64) for row in _GROUPS[self.by])
        return first, (more[0] if more else none)


def usage_sums(
    columns: UsageColumns, rows: UsageRows, asked: Asked, country: str, bys: Sequence[str]
) -> Grouped:
    """Sums the calls that are asked for, of one country where it is not "", by each of `bys` (of GROUPS).

    Keys are as in `spend`; those of DAY are days since 1970 in the tenant's zone, each day of the span once.
    Raises NotReconciledError, SpanTooLongError, StoreAway, and KeyError for a `by` that there is not.
    """
    zone = rows.tenant.time_zone
    first, last = (day_of(at_us, zone) for at_us in (asked.from_us, asked.until_us - 1))
    days = _midnights(first, last, zone) if DAY in bys else np.zeros(0, dtype=np.int64)

    def use(texts: list[str], pieces: list[Piece]) -> Grouped:
        asking = [_Asking(by, days) for by in bys]
        total = NO_SUMS
        for figures, words in _asked_for(asked, country, texts, pieces):
            sums = figures[FIRST_SUM:].sum(axis=1).tolist()
            total = total.plus(Sums(figures.shape[1], *sums))
            for each in asking:
                each.add(figures, words)
        lines = {
            each.by: _days(each, first, last) if each.by == DAY else _lines(each, rows, texts)
            for each in asking
        }
        for found in lines.values():
            check_reconciled(list(found), total)
        return Grouped(lines, total)

    try:
        found = columns.span(asked.tenant, asked.from_us, columns.reader.end(asked.tenant), use)
    except DisagreeingError as error:
        raise NotReconciledError(f"{error}; run `talktime verify`") from None
    assert isinstance(found, Grouped)
    return found


def _midnights(first: int, last: int, zone: str) -> NDArray[np.int64]:
    """Where each day begins."""
    if last - first >= MOST_DAYS:
        raise SpanTooLongError(f"the span holds more than {MOST_DAYS:,} days: choose a shorter one")
    return np.array([day_start_us(day, zone) for day in range(first, last + 1)], dtype=np.int64)


def places_of(columns: UsageColumns, asked: Asked, country: str, end: Cursor, limit: int) -> list[int]:
    """Where the newest calls of a country stand, below the place of a cursor and as it saw the ledger.

    Raises as `usage_sums`.
    """

    def use(texts: list[str], pieces: list[Piece]) -> list[int]:
        found: list[int] = []
        for figures, _ in _asked_for(asked, country, texts, pieces):
            found += [place for place in figures[PLACE].tolist() if place < end.place]
        return sorted(found, reverse=True)[:limit]

    try:
        places: list[int] = columns.span(asked.tenant, asked.from_us, end, use)
    except DisagreeingError as error:
        raise NotReconciledError(f"{error}; run `talktime verify`") from None
    return places


def names_in(columns: UsageColumns, asked: Asked) -> list[str]:
    """All names under which calls of the span stand, as switches gave them. Raises as `usage_sums`."""
    try:
        names: list[str] = columns.span(
            asked.tenant,
            asked.from_us,
            columns.reader.end(asked.tenant),
            lambda texts, pieces: sorted({texts[at] for p in pieces for at in np.unique(p.words[USER])}),
        )
    except DisagreeingError as error:
        raise NotReconciledError(f"{error}; run `talktime verify`") from None
    return names


# --- which calls -----------------------------------------------------------------------------------------


def _asked_for(
    asked: Asked, country: str, texts: list[str], pieces: list[Piece]
) -> Iterable[tuple[NDArray[np.int64], NDArray[np.int32]]]:
    """(figures, words) of the calls that are asked for, each with its newest charge, in large pieces."""
    replaced = [piece.figures[CORRECTS][piece.figures[CORRECTS] != 0] for piece in pieces]
    gone = np.concatenate(replaced) if replaced else np.zeros(0, dtype=np.int64)
    codes = _Codes(asked, country, texts)
    waiting: list[tuple[NDArray[np.int64], NDArray[np.int32]]] = []
    held = 0
    for piece in pieces:
        chosen = codes.chosen(piece, asked, gone)
        waiting.append((piece.figures[:, chosen], piece.words[:, chosen]))
        held += waiting[-1][0].shape[1]
        if held >= _AT_ONCE:
            yield _joined(waiting)
            waiting, held = [], 0
    if held:
        yield _joined(waiting)


def _joined(
    waiting: list[tuple[NDArray[np.int64], NDArray[np.int32]]],
) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    figures, words = zip(*waiting, strict=True)
    return np.concatenate(figures, axis=1), np.concatenate(words, axis=1)


class _Codes:
    """The filters of a question as codes; None asks for nothing."""

    def __init__(self, asked: Asked, country: str, texts: list[str]) -> None:
        codes = {text: at for at, text in enumerate(texts)}
        self._equal = [
            (row, codes.get(text, -1))
            for row, text in ((CALL_TYPE, asked.call_type), (CATEGORY, asked.category), (COUNTRY, country))
            if text
        ]
        self._nobody = codes.get("", -1)
        users = frozenset(asked.users)
        named = [at for at, text in enumerate(texts) if text.lower() in users] if users else []
        self._users = np.array(named, dtype=np.int32) if users else None

    def chosen(self, piece: Piece, asked: Asked, gone: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which calls of a piece are asked for."""
        start = piece.figures[START]
        chosen: NDArray[np.bool_] = (start >= asked.from_us) & (start < asked.until_us)
        for row, code in self._equal:
            chosen &= piece.words[row] == code
        if self._users is not None:
            is_nobody = piece.words[USER] == self._nobody
            named = np.where(is_nobody, piece.words[SERVICE], piece.words[USER])
            chosen &= np.isin(named, self._users)
        if len(gone):
            chosen &= ~np.isin(piece.figures[NUMBER], gone)
        return chosen


# --- lines -----------------------------------------------------------------------------------------------


def _lines(asking: _Asking, rows: UsageRows, texts: list[str]) -> tuple[SpendLine, ...]:
    grouped: dict[str, Sums] = {}
    has_two = len(_GROUPS[asking.by]) > 1
    for (first, second), sums in asking.found.items():
        keys = (texts[first], texts[second] if has_two else "")
        key = keys[0] if asking.by == "country" else line_key(rows, asking.by, keys)
        had = grouped.get(key)
        grouped[key] = sums if had is None else had.plus(sums)
    lines = [SpendLine(key, sums) for key, sums in grouped.items()]
    lines.sort(key=lambda line: (-line.sums.amount, -line.sums.billed_s, line.key))
    return tuple(lines)


def _days(asking: _Asking, first: int, last: int) -> tuple[SpendLine, ...]:
    found = {at: sums for (at, _), sums in asking.found.items()}
    lost = reduce(Sums.plus, (sums for at, sums in found.items() if not 0 <= at <= last - first), NO_SUMS)
    assert lost == NO_SUMS, "a call of the span begins outside of its days"
    return tuple(SpendLine(str(first + at), found.get(at, NO_SUMS)) for at in range(last - first + 1))
