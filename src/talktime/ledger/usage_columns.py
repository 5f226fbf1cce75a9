"""Charged calls of a tenant as columns in memory, so that a report is summed and filtered while one looks.

Charges only grow, so whole pieces of the ledger are read once and kept. Names may be taken out of them later
(retention, erasure): before a span is told of, its sums, the lengths of its texts and some letters of its
names are compared with those of the ledger; where they differ, all is read anew. So it was in the ledger when
asked, or `TRUSTED_S` before.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec
import numpy as np
import sqlalchemy as sa

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from talktime.ledger.usage_reading import Cursor, UsageReader

PIECE: Final = 2_048
"""Places that are read and kept together."""

MOST_KEPT: Final = 600_000
"""Calls that are kept, of all tenants; 120 bytes each. Those of a longer span are read and let go."""

MOST_AT_ONCE: Final = 3_000_000
"""Calls that a span may hold: they stand in memory together while it is worked on."""

LETTERS: Final = (1, 3, 7)
"""Places of names whose letters are compared: the word for an erased person may be as long as the name."""

_CODE_OF: Final = {"sqlite": "unicode", "postgresql": "ascii"}
"""What says the code of a text's first letter."""

TRUSTED_S: Final = 3.0
"""Seconds for which a comparison holds while no charge is added: somebody is choosing filters."""

HEAD: Final = 12
"""A plus and more digits than decide the country of an international number: what is remembered of it."""

PLACE, NUMBER, CORRECTS, START = range(4)
SUMMED: Final = ("billed_s", "pool_s", "paid_s", "amount", "credits", "post_usage", "overdraft")
FIRST_SUM: Final = 4
"""Rows of `Piece.figures`: place, number, corrects, start in us, then those of SUMMED."""

USER, SERVICE, CALL_TYPE, CATEGORY, COUNTRY = range(5)
"""Rows of `Piece.words`: codes of texts. The country is that of the called number."""

_READ: Final = ", ".join(
    f"c.{name}" for name in ("number", "corrects", "start_us", *SUMMED, "user_name", "category", "body")
)


class _Called(msgspec.Struct, array_like=True, gc=False):
    call_type: str
    user: str
    service: str
    caller: str
    callee: str


class _Body(msgspec.Struct, array_like=True, gc=False):
    facts: _Called


_body: Final = msgspec.json.Decoder(_Body)


class Piece(NamedTuple):
    """Charges of a tenant in the order of the ledger, a column each; `checks` as `_checks` of the ledger."""

    figures: NDArray[np.int64]
    words: NDArray[np.int32]
    checks: tuple[int, ...]


class _Kept:
    """What is kept of one tenant. `texts` and `codes`: text of a code, code of a text.

    `tail` is the last piece, not yet whole, with the top of the ledger when it was read; `trusted` the first
    piece and the top of the last comparison, and until when it holds.
    """

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.pieces: dict[int, Piece | None] = {}
        self.tail: tuple[int, Piece | None] = (-1, None)
        self.trusted = (0, -1, 0.0)
        self.texts: list[str] = []
        self.codes: dict[str, int] = {}
        self.calls = 0

    def clear(self) -> None:
        self.pieces.clear()
        self.tail, self.trusted = (-1, None), (0, -1, 0.0)
        self.texts, self.codes, self.calls = [], {}, 0

    def is_trusted(self, low: int, top: int) -> bool:
        first, checked, until_s = self.trusted
        return first <= low and checked == top and time.monotonic() < until_s

    def code(self, text: str) -> int:
        found = self.codes.get(text)
        if found is None:
            found = self.codes[text] = len(self.texts)
            self.texts.append(text)
        return found


class DisagreeingError(Exception):
    """What was read twice of the ledger is not the same twice; the message has both figures."""


class SpanTooLongError(Exception):
    """A span holds more than is worked on at once; the message says what to do."""


class UsageColumns:
    """Keeps what `reader` reads; `country_of` says whose a number is. Raises StoreAway. For any thread."""

    def __init__(self, reader: UsageReader, country_of: Callable[[str], str]) -> None:
        self.reader = reader
        self._country_of = country_of
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._lock = threading.Lock()
        self._countries: dict[str, str] = {}

    def span(
        self, tenant: str, from_us: int, end: Cursor, use: Callable[[list[str], list[Piece]], Any]
    ) -> Any:
        """What `use` makes of all charges that may have started since `from_us`, as they stood at `end`.

        `use` is given the texts of the codes and the pieces. Raises DisagreeingError, SpanTooLongError.
        """
        kept = self._of(tenant)
        with kept.lock, self.reader.reading() as db:
            low = self.reader.first(db, tenant, from_us, end.top + 1) // PIECE
            for is_last in (False, True):
                pieces = list(self._pieces(db, kept, tenant, low, end))
                if kept.is_trusted(low, end.top):
                    return use(kept.texts, pieces)
                told = self._checks(db, tenant, low * PIECE, end.top)
                found = tuple(map(sum, zip(*(piece.checks for piece in pieces), strict=True)))
                if told == (found or (0,) * len(told)):
                    kept.trusted = (low, end.top, time.monotonic() + TRUSTED_S)
                    return use(kept.texts, pieces)
                kept.clear()
                if is_last:
                    raise DisagreeingError(f"the ledger says {told}, its charges come to {found}")
        raise AssertionError("the loop returns or raises")

    def _of(self, tenant: str) -> _Kept:
        """The tenant's; those who have not been asked for the longest time make room."""
        with self._lock:
            kept = self._kept.setdefault(tenant, _Kept())
            self._kept.move_to_end(tenant)
            held = sum(each.calls for each in self._kept.values())
            while held > MOST_KEPT and len(self._kept) > 1:
                held -= self._kept.popitem(last=False)[1].calls
        return kept

    def _pieces(self, db: sa.Connection, kept: _Kept, tenant: str, low: int, end: Cursor) -> Iterator[Piece]:
        held = 0
        for at in range(low, end.top // PIECE + 1):
            is_whole = (at + 1) * PIECE <= end.top + 1
            if is_whole and at in kept.pieces:
                piece = kept.pieces[at]
            elif not is_whole and kept.tail[0] == end.top:
                piece = kept.tail[1]
            else:
                piece = self._read(db, kept, tenant, at * PIECE, min((at + 1) * PIECE, end.top + 1))
                if not is_whole:
                    kept.tail = end.top, piece
                elif kept.calls < MOST_KEPT:
                    kept.pieces[at] = piece
                    kept.calls += 0 if piece is None else piece.figures.shape[1]
            if piece is not None:
                held += piece.figures.shape[1]
                if held > MOST_AT_ONCE:
                    raise SpanTooLongError(
                        f"the span holds more than {MOST_AT_ONCE:,} calls: choose fewer days, or export them"
                    )
                yield piece

    def _read(self, db: sa.Connection, kept: _Kept, tenant: str, low: int, high: int) -> Piece | None:
        place = self.reader.place
        query = sa.text(
            f"select {place}, {_READ} from charges c where c.tenant = :tenant"
            f" and {place} >= :low and {place} < :high order by {place}"
        )
        rows = db.execute(query, {"tenant": tenant, "low": low, "high": high}).all()
        if not rows:
            return None
        *figures, names, categories, bodies = zip(*rows, strict=True)
        calls = [_body.decode(body).facts for body in bodies]
        code = kept.code
        words = (
            [code(call.user) for call in calls],
            [code(call.service) for call in calls],
            [code(call.call_type) for call in calls],
            [code(category) for category in categories],
            [code(self._country(call.callee)) for call in calls],
        )
        columns = np.array(figures, dtype=np.int64)
        sums = tuple(int(total) for total in columns[FIRST_SUM:].sum(axis=1))
        letters = (sum(ord(name[place - 1]) for name in names if len(name) >= place) for place in LETTERS)
        checks = (len(rows), *sums, sum(map(len, names)), sum(map(len, bodies)), *letters)
        return Piece(columns, np.array(words, dtype=np.int32), checks)

    def _country(self, number: str) -> str:
        head = number[:HEAD] if number[:1] == "+" and number[1:].isdigit() else number
        found = self._countries.get(head)
        if found is None:
            if len(self._countries) > MOST_KEPT:
                self._countries.clear()
            found = self._countries[head] = self._country_of(head)
        return found

    def _checks(self, db: sa.Connection, tenant: str, low: int, top: int) -> tuple[int, ...]:
        """What the ledger says of the charges from a place on: count, sums, lengths of texts, letters."""
        place, code_of = self.reader.place, _CODE_OF[db.dialect.name]
        sums = ", ".join(f"coalesce(sum(c.{name}), 0)" for name in SUMMED)
        texts = ", ".join(f"coalesce(sum(length(c.{name})), 0)" for name in ("user_name", "body"))
        letters = ", ".join(f"coalesce(sum({code_of}(substr(c.user_name, {at}, 1))), 0)" for at in LETTERS)
        query = sa.text(
            f"select count(*), {sums}, {texts}, {letters}"
            f" from charges c where c.tenant = :tenant and {place} >= :low and {place} <= :top"
        )
        return tuple(map(int, db.execute(query, {"tenant": tenant, "low": low, "top": top}).one()))
