"""Looking a number up: the row that prices it, what stands behind it, and what hidden digits could change."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talktime.accounts.calendar import local_minute
from talktime.core.deck import OUTBOUND, Call, Deck, RateBook
from talktime.files.decks.lookup import (
    ANY_OUTBOUND,
    MOST_BEHIND,
    LookUp,
    State,
    deck_index,
    look_up,
    number_of,
    possibilities,
)
from talktime.files.instants import parse_instant
from tests.files.decks.tables import deck, decks, row

WEDNESDAY_NOON = parse_instant("2026-07-01T12:00:00Z")
WEDNESDAY_NIGHT = parse_instant("2026-07-01T23:30:00Z")

DECK = deck(
    row("44", 10),
    row("447", 30),
    row("44", 5, from_min=22 * 60, to_min=6 * 60, time_zone="Europe/London"),
    row("447", 20, category="voice_app_outbound"),
    row("447", 15, category="voice_app_outbound", origin_country="FR"),
    row("44", 290, direction="inbound", number_type="toll_free"),
    row("49", 10, valid_from_us=WEDNESDAY_NOON),
)


def found(number: str, at_us: int = WEDNESDAY_NOON, call: Call = ANY_OUTBOUND) -> LookUp:
    """The answer of the deck above."""
    return look_up(DECK, number, at_us=at_us, local_minute=local_minute, call=call)


@pytest.mark.parametrize(
    ("number", "at_us", "call", "price_nanos"),
    [
        ("+442071838750", WEDNESDAY_NOON, ANY_OUTBOUND, 10),
        ("00442071838750", WEDNESDAY_NOON, ANY_OUTBOUND, 10),
        ("44 20 7183 8750", WEDNESDAY_NIGHT, ANY_OUTBOUND, 5),
        ("442071838750", WEDNESDAY_NIGHT, ANY_OUTBOUND, 5),
        ("+447700900123", WEDNESDAY_NIGHT, ANY_OUTBOUND, 30),
        ("+447700900123", WEDNESDAY_NOON, Call("voice_app_outbound", "", OUTBOUND, "DE"), 20),
        ("+447700900123", WEDNESDAY_NOON, Call("voice_app_outbound", "", OUTBOUND, "FR"), 15),
        ("+448001234567", WEDNESDAY_NOON, Call("", "toll_free", "inbound", ""), 290),
        ("+448001234567", WEDNESDAY_NOON, Call("", "toll", "inbound", ""), None),
        ("+4930123456", WEDNESDAY_NOON, ANY_OUTBOUND, 10),
        ("+4930123456", WEDNESDAY_NOON - 1, ANY_OUTBOUND, None),
        ("+33123456789", WEDNESDAY_NOON, ANY_OUTBOUND, None),
        ("+4", WEDNESDAY_NOON, ANY_OUTBOUND, None),
    ],
)
def test_the_row_that_prices_a_call(number: str, at_us: int, call: Call, price_nanos: int | None) -> None:
    answer = found(number, at_us, call)
    assert (answer.row.price_nanos if answer.row else None) == price_nanos
    # the rules of charging say the same
    index = RateBook(DECK).find(call, answer.number.digits, at_us, local_minute)
    assert (DECK.rows[index] if index >= 0 else None) == answer.row


def test_the_rows_behind_it_in_the_order_in_which_they_are_asked() -> None:
    answer = found("+447700900123", WEDNESDAY_NOON, Call("voice_app_outbound", "", OUTBOUND, "FR"))
    assert [(c.row.prefix, c.row.price_nanos, c.in_force) for c in answer.candidates] == [
        ("447", 15, True),
        ("447", 20, True),
        ("447", 30, True),
        ("44", 5, False),
        ("44", 10, True),
    ]
    assert answer.undecided == ()


def test_hidden_digits_that_could_select_another_row() -> None:
    assert [row.price_nanos for row in found("+44*").undecided] == [30]
    assert found("+442071838***").undecided == ()
    masked = found("+4*")
    assert masked.row is None
    assert [row.prefix for row in masked.undecided] == ["44", "44", "49"]


@pytest.mark.parametrize("number", ["", "anonymous", "12ab", "+0441234567", "+44207183875012345"])
def test_what_is_no_international_number(number: str) -> None:
    with pytest.raises(ValueError, match="is no international number; write it as"):
        found(number)


# --- every row that may price a number --------------------------------------------------------------------

CALLS = st.builds(
    Call,
    st.sampled_from(["", "voice_app_outbound", "conference_dial_out"]),
    st.sampled_from(["", "toll", "toll_free"]),
    st.sampled_from(["outbound", "inbound"]),
    st.sampled_from(["", "FR", "DE"]),
)
AT = st.integers(parse_instant("2026-01-01"), parse_instant("2027-01-01"))


@given(made=decks(), call=CALLS, at_us=AT, tail=st.text("0123456789", max_size=8), data=st.data())
def test_what_prices_a_call_is_among_what_may_price_its_number(
    made: Deck, call: Call, at_us: int, tail: str, data: st.DataObject
) -> None:
    """And a row that stands behind prices no call at all, whatever its category, kind and origin."""
    prefix = data.draw(st.sampled_from([each.prefix for each in made.rows]))
    number = number_of(f"+{(prefix + tail)[:15]}")
    found = possibilities(deck_index(made), number, at_us=at_us, local_minute=local_minute)
    states = {each.row: each.state for each in found}
    index = RateBook(made).find(call, number.digits, at_us, local_minute)
    if index >= 0:
        assert states[made.rows[index]] is State.PRICES
    for each, state in states.items():
        own = RateBook(made).find(Call(*each.conditions), number.digits, at_us, local_minute)
        assert (own >= 0 and made.rows[own] == each) == (state is State.PRICES)


def test_hidden_digits_leave_longer_prefixes_undecided() -> None:
    found = possibilities(
        deck_index(DECK), number_of("+44*********"), at_us=WEDNESDAY_NOON, local_minute=local_minute
    )
    states = {(each.row.prefix, each.row.price_nanos): each.state for each in found}
    assert states == {
        ("447", 30): State.UNDECIDED,
        ("447", 20): State.UNDECIDED,
        ("447", 15): State.UNDECIDED,
        ("44", 10): State.PRICES,
        ("44", 5): State.NOT_IN_FORCE,
        ("44", 290): State.PRICES,
    }


def test_number_that_may_have_almost_any_rate_is_refused() -> None:
    """Else one question after `+4*` would keep a deck of 100,000 rates busy for minutes."""
    index = deck_index(deck(*(row(f"4{at:04}", 10) for at in range(MOST_BEHIND + 1))))

    def found(text: str) -> int:
        return len(possibilities(index, number_of(text), at_us=WEDNESDAY_NOON, local_minute=local_minute))

    assert found("+40*******") == MOST_BEHIND
    with pytest.raises(ValueError, match="1,001 rates: hide fewer digits"):
        found("+4********")
