"""Decks for tests: from text, from rows, and generated ones."""

from dataclasses import replace

from hypothesis import strategies as st

from talktime.core.deck import EVERY_DAY, MINUTES_A_DAY, Deck, RateRow
from talktime.core.limits import ALWAYS_US, MAX_FEE_MICROS, MAX_INCREMENT_S, MAX_PRICE_NANOS, NEVER_US
from talktime.files.decks.findings import DeckFile
from talktime.files.decks.read import parse_deck
from talktime.files.decks.version import versioned
from talktime.files.instants import parse_instant


def read(text: str, **options: str) -> DeckFile:
    """Reads a deck from its text."""
    return parse_deck(text, "deck.csv", **options)  # type: ignore[arg-type]


def usable(text: str, **options: str) -> Deck:
    """The deck of a text that must not be refused."""
    found = read(text, **options)
    assert found.deck is not None, found.findings
    return found.deck


def texts(found: DeckFile, severity: str) -> list[tuple[int, str]]:
    """(line, sentence) of the findings of one severity."""
    return [(finding.line, finding.text) for finding in found.findings if finding.severity == severity]


def row(prefix: str, price_nanos: int = 10_000_000, **fields: object) -> RateRow:
    """A row with a price a minute for the first part and the rest."""
    return replace(RateRow(prefix, price_nanos, price_nanos), **fields)  # type: ignore[arg-type]


def deck(*rows: RateRow, **fields: object) -> Deck:
    """A versioned deck in US dollars."""
    plain = Deck(name="test", version="", currency="USD", rows=rows)
    return versioned(replace(plain, **fields))  # type: ignore[arg-type]


_WORDS = st.sampled_from(["", "voice_app_outbound", "conference_dial_out"])
_LABELS = st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=12).map(
    lambda text: " ".join(text.split())
)
_INSTANTS = st.integers(parse_instant("0001-01-01"), parse_instant("9999-12-31"))


@st.composite
def rows(draw: st.DrawFn) -> RateRow:
    """Any row that a deck may hold."""
    price_nanos = draw(st.integers(0, MAX_PRICE_NANOS))
    from_min, to_min = draw(st.integers(0, MINUTES_A_DAY - 1)), draw(st.integers(1, MINUTES_A_DAY))
    begin_us, end_us = sorted(draw(st.lists(_INSTANTS, min_size=2, max_size=2, unique=True)))
    has_begin, has_end, all_day = draw(st.booleans()), draw(st.booleans()), draw(st.booleans())
    return RateRow(
        prefix=draw(st.from_regex(r"[1-9][0-9]{0,14}", fullmatch=True)),
        price_nanos=price_nanos,
        first_price_nanos=draw(st.sampled_from([price_nanos, 0, MAX_PRICE_NANOS, 1])),
        fee_micros=draw(st.integers(0, MAX_FEE_MICROS)),
        first_s=draw(st.integers(0, MAX_INCREMENT_S)),
        step_s=draw(st.integers(1, MAX_INCREMENT_S)),
        name=draw(_LABELS),
        type=draw(st.sampled_from(["", "landline", "mobile", "non-geographic"])),
        country=draw(st.sampled_from(["", "GB", "US"])),
        category=draw(_WORDS),
        number_type=draw(st.sampled_from(["", "toll", "toll_free"])),
        direction=draw(st.sampled_from(["outbound", "inbound"])),
        origin_country=draw(st.sampled_from(["", "FR", "DE"])),
        valid_from_us=begin_us if has_begin else ALWAYS_US,
        valid_until_us=end_us if has_end else NEVER_US,
        weekdays=draw(st.integers(1, EVERY_DAY)),
        from_min=0 if all_day or from_min == to_min else from_min,
        to_min=MINUTES_A_DAY if all_day or from_min == to_min else to_min,
        time_zone=draw(st.sampled_from(["UTC", "Europe/London", "America/New_York"])),
    )


@st.composite
def decks(draw: st.DrawFn) -> Deck:
    """Any deck in which no two rows fit a call equally."""
    made = draw(
        st.lists(
            rows(), min_size=1, max_size=8, unique_by=lambda row: (row.prefix, row.conditions, row.has_window)
        )
    )
    return deck(
        *made,
        name=draw(_LABELS.filter(lambda name: name.rstrip(",;|") == name != "")),
        currency=draw(st.sampled_from(["USD", "EUR"])),
        rounding=draw(st.integers(0, 3)),
        decimals=draw(st.integers(0, 6)),
        increments=draw(st.integers(0, 1)),
        sample=draw(st.booleans()),
    )
