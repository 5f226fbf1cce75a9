"""The shipped deck: marked as sample prices, without findings, and wide enough to price an ordinary month."""

from talktime.accounts.calendar import local_minute
from talktime.catalog.load import load_catalogue
from talktime.core.deck import Call, RateBook
from talktime.core.money import NANOS_PLACES, format_decimal
from talktime.files.decks.check import check_deck
from talktime.files.decks.sample import default_deck
from tests.files.decks.tables import usable

# formats.md: inbound toll-free per minute, as published
TOLL_FREE = """
US 0.0220 CA 0.0220 GB 0.0290 DK 0.0343 IE 0.0448 IT 0.3415 SE 0.1138 ES 0.2200 CH 0.0401 BE 0.0505 LU 0.2800
AT 0.0897 PT 0.0601 SK 0.1151 NO 0.1500 NL 0.0770 DE 0.1750 AU 0.1750 CN 0.3168 FI 0.1888 HK 0.0672 IL 0.1344
NZ 0.0666 PL 0.1125 SG 0.0650
""".split()


def test_it_is_marked_as_a_sample_and_the_checks_find_nothing() -> None:
    deck = default_deck()
    assert (deck.name, deck.sample, deck.currency) == ("sample", True, "USD")
    assert check_deck(deck) == ()
    assert default_deck() is deck


def test_countries_with_a_price_for_landlines_and_one_for_mobiles() -> None:
    kinds: dict[str, set[str]] = {}
    for row in default_deck().rows:
        if row.direction == "outbound":
            kinds.setdefault(row.country, set()).add(row.type)
    assert len([country for country, types in kinds.items() if {"landline", "mobile"} <= types]) >= 60


def test_every_row_is_listed_under_the_country_of_its_numbers() -> None:
    catalogue = load_catalogue()
    assert [
        row.prefix for row in default_deck().rows if catalogue.number(row.prefix).country != row.country
    ] == []


def test_every_calling_code_has_a_price() -> None:
    codes = {dialling.calling_code for dialling in load_catalogue().dialling.values()}
    assert codes - {row.prefix for row in default_deck().rows if row.direction == "outbound"} == set()


def test_inbound_toll_free_prices_are_the_published_ones() -> None:
    deck, catalogue = default_deck(), load_catalogue()
    book = RateBook(deck)
    for country, price in zip(TOLL_FREE[::2], TOLL_FREE[1::2], strict=True):
        number = catalogue.dialling[country].calling_code + "8005550100"
        index = book.find(Call("toll_free", "toll_free", "inbound", ""), number, 0, local_minute)
        assert index >= 0, country
        assert deck.rows[index].price_nanos * 10 == int(price.replace(".", "")) * 10**6, country


def test_premium_ranges_can_be_priced() -> None:
    catalogue, prices = load_catalogue(), {row.prefix for row in default_deck().rows}
    paid = [
        p
        for p, state in zip(catalogue.premium.prefixes, catalogue.premium_states, strict=True)
        if state == "credits_only"
    ]
    assert paid
    assert [prefix for prefix in paid if prefix not in prices] == []


def test_it_charges_whole_minutes_without_a_fee() -> None:
    assert {(row.fee_micros, row.first_s, row.step_s) for row in default_deck().rows} == {(0, 60, 60)}


def test_a_landline_and_a_mobile_of_one_country_have_their_own_prices() -> None:
    deck = default_deck()
    book, call = RateBook(deck), Call("", "", "outbound", "")
    names = [
        deck.rows[book.find(call, digits, 0, local_minute)].name
        for digits in ("442071838750", "447700900123")
    ]
    assert names == ["United Kingdom", "United Kingdom - mobile"]
    assert all(format_decimal(row.price_nanos, NANOS_PLACES) != "0" for row in deck.rows)


def test_a_deck_that_is_read_is_no_sample_unless_it_says_so() -> None:
    assert not usable("prefix,price\n44,1\n").sample
