"""What changes if one deck takes the place of another: look before you activate.

Rows are the same if prefix, conditions and window are; what was removed or added is told with the row of the
other deck that prices those numbers instead, and so are destinations of which nothing is left (formats.md).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from talktime.core.deck import Call, Deck, RateBook, RateRow
from talktime.core.money import HALF_UP, ROUNDINGS, round_div
from talktime.core.prefix import NO_PREFIX
from talktime.core.rating import INCREMENTS
from talktime.files.decks.check import charge_of

BASIS_POINTS: Final = 10_000

Key = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """A row of both decks, or of one with the row that prices its numbers in the other.

    `old` and `new` price the numbers of the prefix before and after, None where no row does.
    `by_basis_points` is the change of the price a minute in hundredths of a percent, its size rounded half
    up; None where there is no price before or after to compare, or the old one is 0.
    """

    prefix: str
    old: RateRow | None
    new: RateRow | None
    by_basis_points: int | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """The difference between two decks; every row of both is in exactly one of the lists.

    `dearer` and `cheaper` are told by price, first price, fee and increments together; `mixed` are rows where
    one of them rises and another falls. `removed`: `new` is the shorter row to which its numbers fall back,
    None if they have no rate any more; `added`: `old` is the row that priced its numbers before.
    `dropped_names` and `dropped_countries` have no row left. `terms` are sentences about the whole decks.
    """

    added: tuple[Change, ...]
    removed: tuple[Change, ...]
    dearer: tuple[Change, ...]
    cheaper: tuple[Change, ...]
    mixed: tuple[Change, ...]
    unchanged: tuple[Change, ...]
    dropped_names: tuple[str, ...]
    dropped_countries: tuple[str, ...]
    terms: tuple[str, ...]


def compare(old: Deck, new: Deck) -> Comparison:
    """Compares two decks of one currency. Raises ValueError if their currencies differ."""
    if old.currency != new.currency:
        raise ValueError(f"a deck in {old.currency} cannot be compared with one in {new.currency}")
    pairs, removed, added = _paired(old.rows, new.rows)
    kinds: dict[str, list[Change]] = {kind: [] for kind in ("dearer", "cheaper", "mixed", "unchanged")}
    for before, after in pairs:
        kinds[_kind(before, after)].append(_change(before.prefix, before, after))
    priced_before, priced_after = RateBook(old), RateBook(new)
    return Comparison(
        added=tuple(_change(row.prefix, _pricing(priced_before, row), row) for row in added),
        removed=tuple(_change(row.prefix, row, _pricing(priced_after, row)) for row in removed),
        dearer=tuple(kinds["dearer"]),
        cheaper=tuple(kinds["cheaper"]),
        mixed=tuple(kinds["mixed"]),
        unchanged=tuple(kinds["unchanged"]),
        dropped_names=_dropped(old.rows, removed, new.rows, lambda row: row.name),
        dropped_countries=_dropped(old.rows, removed, new.rows, lambda row: row.country),
        terms=_terms(old, new),
    )


def _key(row: RateRow) -> Key:
    window = (row.weekdays, row.from_min, row.to_min, row.time_zone) if row.has_window else ()
    return (row.prefix, row.conditions, window)


def _paired(
    old: Sequence[RateRow], new: Sequence[RateRow]
) -> tuple[list[tuple[RateRow, RateRow]], list[RateRow], list[RateRow]]:
    """(pairs of the same row, rows of the old deck only, rows of the new only), by prefix.

    Where a key has several rows (one validity after the other) those of the same validity are pairs, the
    others follow in time order, the last with the last: a new deck often carries on where the old one ends.
    """
    before, after = _by_key(old), _by_key(new)
    pairs: list[tuple[RateRow, RateRow]] = []
    removed: list[RateRow] = []
    added: list[RateRow] = []
    for key in sorted(before.keys() | after.keys(), key=lambda key: (str(key[0]), repr(key))):
        olds, news = before.get(key, []), after.get(key, [])
        same, olds, news = _same_validity(olds, news)
        matched = min(len(olds), len(news))
        pairs += same
        pairs += zip(olds[len(olds) - matched :], news[len(news) - matched :], strict=True)
        removed += olds[: len(olds) - matched]
        added += news[: len(news) - matched]
    return pairs, removed, added


def _by_key(rows: Iterable[RateRow]) -> Mapping[Key, list[RateRow]]:
    found: dict[Key, list[RateRow]] = {}
    for row in sorted(rows, key=lambda row: row.valid_from_us):
        found.setdefault(_key(row), []).append(row)
    return found


def _same_validity(
    olds: list[RateRow], news: list[RateRow]
) -> tuple[list[tuple[RateRow, RateRow]], list[RateRow], list[RateRow]]:
    if len(olds) == len(news) == 1:
        return [(olds[0], news[0])], [], []
    waiting: dict[tuple[int, int], list[RateRow]] = {}
    for row in news:
        waiting.setdefault((row.valid_from_us, row.valid_until_us), []).append(row)
    pairs: list[tuple[RateRow, RateRow]] = []
    left: list[RateRow] = []
    for row in olds:
        partners = waiting.get((row.valid_from_us, row.valid_until_us))
        if partners:
            pairs.append((row, partners.pop(0)))
        else:
            left.append(row)
    return pairs, left, [row for partners in waiting.values() for row in partners]


def _kind(old: RateRow, new: RateRow) -> str:
    """Which list a pair belongs to; longer increments are dearer."""
    rises = [after > before for before, after in zip(charge_of(old), charge_of(new), strict=True)]
    falls = [after < before for before, after in zip(charge_of(old), charge_of(new), strict=True)]
    if any(rises) and any(falls):
        return "mixed"
    if any(rises):
        return "dearer"
    return "cheaper" if any(falls) else "unchanged"


def _change(prefix: str, old: RateRow | None, new: RateRow | None) -> Change:
    if old is None or new is None or old.price_nanos == 0:
        return Change(prefix, old, new, None)
    step_nanos = new.price_nanos - old.price_nanos
    # rounded half up on the amount of the change, so that a rise and a fall of the same size look alike
    size = round_div(abs(step_nanos) * BASIS_POINTS, old.price_nanos, HALF_UP)
    return Change(prefix, old, new, size if step_nanos >= 0 else -size)


def _pricing(book: RateBook, row: RateRow) -> RateRow | None:
    """The row of another deck for the numbers of a row: one for all the week if there is one."""
    table = book.table(Call(row.category, row.number_type, row.direction, row.origin_country))
    prefix = table.table.find(row.prefix)
    if prefix == NO_PREFIX:
        return None
    rows = [book.deck.rows[index] for index in table.candidates[prefix]]
    return next((candidate for candidate in rows if not candidate.has_window), rows[0])


def _dropped(
    old: Iterable[RateRow],
    removed: Iterable[RateRow],
    new: Iterable[RateRow],
    label: Callable[[RateRow], str],
) -> tuple[str, ...]:
    """Labels of which every row was removed and which the new deck does not use; renaming drops nothing."""
    gone = {id(row) for row in removed}
    kept = {label(row) for row in old if id(row) not in gone} | {label(row) for row in new} | {""}
    return tuple(sorted({label(row) for row in old} - kept))


def _terms(old: Deck, new: Deck) -> tuple[str, ...]:
    """Sentences about what differs for all rows."""
    found = []
    if (old.rounding, old.decimals) != (new.rounding, new.decimals):
        found.append(f"rounding changes from {_rounding(old)} to {_rounding(new)}")
    if old.increments != new.increments:
        models = {number: name for name, number in INCREMENTS.items()}
        found.append(f"increments change from {models[old.increments]} to {models[new.increments]}")
    if old.sample != new.sample:
        which = "new" if new.sample else "old"
        found.append(f"the {which} deck holds sample prices, the other does not")
    return tuple(found)


def _rounding(deck: Deck) -> str:
    names = {number: name for name, number in ROUNDINGS.items()}
    return f"{names[deck.rounding]} {deck.decimals}"
