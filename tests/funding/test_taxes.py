"""Tax lines: whose tax, at which rate, rounded to the smallest coin, or why none is asked for."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talktime.catalog.load import CatalogueError
from talktime.catalog.taxes import load_taxes, read_taxes
from talktime.funding.taxes import (
    Gone,
    Seller,
    TaxLine,
    minor_unit_micros,
    part_of,
    part_with_tax,
    tax_each,
    tax_lines,
    tax_sum,
    to_minor,
)

UNIT = 1_000_000
REVERSED = load_taxes().groups[0].note

# net, currency, seller, buyer, buyer's tax id -> tax, rate in millionths, whose, note
CASES = {
    "at home": (100 * UNIT, "EUR", "DE", "DE", "", 19 * UNIT, 190_000, "DE", ""),
    "at home with a tax id": (100 * UNIT, "EUR", "DE", "DE", "DE123", 19 * UNIT, 190_000, "DE", ""),
    "a buyer without a country is at home": (100 * UNIT, "EUR", "DE", "", "", 19 * UNIT, 190_000, "DE", ""),
    "same union, tax id": (100 * UNIT, "EUR", "DE", "FR", "FR123", 0, 0, "FR", REVERSED),
    "same union, blank tax id": (100 * UNIT, "EUR", "DE", "FR", "  ", 20 * UNIT, 200_000, "FR", ""),
    "same union, no tax id": (100 * UNIT, "EUR", "DE", "FI", "", 25_500_000, 255_000, "FI", ""),
    "outside the union": (
        100 * UNIT,
        "USD",
        "DE",
        "US",
        "",
        0,
        0,
        "DE",
        "Supplied to a customer outside DE: not subject to its VAT.",
    ),
    "outside, between neighbours": (
        100 * UNIT,
        "GBP",
        "GB",
        "IE",
        "IE1",
        0,
        0,
        "GB",
        "Supplied to a customer outside GB: not subject to its VAT.",
    ),
    "a rate with decimals": (10 * UNIT, "CHF", "CH", "CH", "", 810_000, 81_000, "CH", ""),
    "half a cent goes up": (50_000, "EUR", "FR", "FR", "", 10_000, 200_000, "FR", ""),
    "a half rounds up": (125_000, "EUR", "GB", "GB", "", 30_000, 200_000, "GB", ""),
    "below a half rounds down": (120_000, "EUR", "GB", "GB", "", 20_000, 200_000, "GB", ""),
    "of a credit as of a debit": (-125_000, "EUR", "GB", "GB", "", -30_000, 200_000, "GB", ""),
    "no coins": (105 * UNIT, "JPY", "JP", "JP", "", 11 * UNIT, 100_000, "JP", ""),
    "three decimals": (1_234_000, "KWD", "AE", "AE", "", 62_000, 50_000, "AE", ""),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_tax_of_a_paper(case: tuple[int, str, str, str, str, int, int, str, str]) -> None:
    net, currency, seller, buyer, tax_id, tax, rate_ppm, whose, note = case
    (line,) = tax_lines(net, currency, Seller("S", (), seller), buyer, tax_id)
    assert (line.tax, line.rate_ppm, line.country, line.note) == (tax, rate_ppm, whose, note)
    assert line.net == net


@pytest.mark.parametrize(
    ("net", "seller"), [(100 * UNIT, ""), (100 * UNIT, "US"), (0, "DE")], ids=["unset", "no rate", "no money"]
)
def test_no_tax_line(net: int, seller: str) -> None:
    assert tax_lines(net, "EUR", Seller("S", (), seller), "DE", "") == ()


def test_unknown_currency_is_refused() -> None:
    with pytest.raises(ValueError, match="'EURO' is unknown"):
        minor_unit_micros("EURO")


@pytest.mark.parametrize(
    ("micros", "currency", "rounded"),
    [
        (5_000, "EUR", 10_000),
        (4_999, "EUR", 0),
        (-5_000, "EUR", -10_000),
        (-4_999, "EUR", 0),
        (499_999, "JPY", 0),
        (500_000, "JPY", UNIT),
        (500, "KWD", 1_000),
    ],
)
def test_whole_coins(micros: int, currency: str, rounded: int) -> None:
    assert to_minor(micros, currency) == rounded


@given(
    net=st.integers(1, 10**12),
    cuts=st.lists(st.integers(0, 10**12), max_size=6),
    rate_ppm=st.integers(0, 300_000),
    currency=st.sampled_from(["EUR", "JPY", "KWD"]),
)
def test_taxes_of_all_parts_are_the_tax_of_the_whole(
    net: int, cuts: list[int], rate_ppm: int, currency: str
) -> None:
    whole = taxed(net, rate_ppm, currency)
    ends = sorted({cut % net for cut in cuts} | {0, net})
    gone = Gone(0)
    for begin, end in pairwise(ends):
        part = part_of(whole, end - begin, gone, currency)
        assert tax_sum(part) >= 0
        assert tax_sum(part) % minor_unit_micros(currency) == 0
        gone = gone.and_also(end - begin, tax_each(part))
    assert gone == Gone(net, tax_each(whole))


def taxed(net: int, rate_ppm: int, currency: str) -> tuple[TaxLine, ...]:
    """Two taxes of a paper, of which one is half of the other; each rounded half up to a coin."""
    unit = minor_unit_micros(currency)
    rates = (rate_ppm, rate_ppm // 2)
    taxes = [(2 * net * rate + UNIT * unit) // (2 * UNIT * unit) * unit for rate in rates]
    return tuple(TaxLine("VAT", "X", rate, net, tax) for rate, tax in zip(rates, taxes, strict=True))


@given(
    coins=st.integers(1, 500),
    rate_ppm=st.integers(1, 300_000),
    steps=st.lists(st.tuples(st.integers(1, 500), st.booleans()), max_size=12),
)
def test_parts_that_do_not_arrive_are_taken_off_again(
    coins: int, rate_ppm: int, steps: list[tuple[int, bool]]
) -> None:
    """Of several on their way any may fail, in any order: never more tax than there was, and all of it."""
    coin = minor_unit_micros("EUR")
    whole = taxed(coins * coin, rate_ppm, "EUR")
    gone, parts = Gone(0), list[tuple[int, tuple[int, ...]]]()
    for amount, fails in steps:
        net = min(amount * coin, coins * coin - gone.net)
        if fails and parts:
            net, taxes = parts.pop(amount % len(parts))
            gone = gone.and_also(-net, [-tax for tax in taxes])
        elif net:
            parts.append((net, tax_each(part_of(whole, net, gone, "EUR"))))
            gone = gone.and_also(*parts[-1])
        assert all(0 <= went <= line.tax for went, line in zip(gone.taxes, whole, strict=False))
    rest = coins * coin - gone.net
    if rest:
        gone = gone.and_also(rest, tax_each(part_of(whole, rest, gone, "EUR")))
    assert gone == Gone(coins * coin, tax_each(whole))


@given(
    coins=st.integers(2, 500),
    rate_ppm=st.integers(1, 300_000),
    first=st.integers(0, 500),
    gross=st.integers(1, 900),
    net=st.integers(1, 500),
)
def test_a_part_comes_to_the_tax_that_was_said(
    coins: int, rate_ppm: int, first: int, gross: int, net: int
) -> None:
    coin = minor_unit_micros("EUR")
    whole = taxed(coins * coin, rate_ppm, "EUR")
    first_net = min(first, coins - 1) * coin
    gone = Gone(first_net, tax_each(part_of(whole, first_net, Gone(0), "EUR")))
    left = tax_sum(whole) - sum(gone.taxes)
    tax = min(gross * coin, left)
    part = part_with_tax(whole, min(net * coin, coins * coin - first_net), tax, gone, "EUR")
    assert tax_sum(part) == tax
    for line, went, of in zip(part, gone.taxes, whole, strict=True):
        assert 0 <= line.tax <= of.tax - went


GERMANY = "[[country]]\ncode = 'DE'\ntax = 'VAT'\npercent = '19'\n"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("country = [", "taxes.toml: "),
        ("country = []", "missing required field `group`"),
        ("group = []\n" + GERMANY.replace("19", "0"), "country 'DE': percent '0' is not above 0"),
        ("group = []\n" + GERMANY.replace("19", "x"), "country 'DE': percent: 'x' is not a decimal"),
        ("group = []\n" + GERMANY.replace("percent", "rate"), "unknown field `rate`"),
        ("group = []\n" + GERMANY + GERMANY, "country 'DE': stands twice"),
        (GERMANY + "[[group]]\nid='EU'\nname='E'\ncountries=['DE', 'ZZ']\nnote=''", "'EU': no rate for ZZ"),
    ],
)
def test_faulty_file_is_refused_by_name(text: str, fault: str) -> None:
    with pytest.raises(CatalogueError, match=fault):
        read_taxes(text)


def test_union_members_have_rates_and_no_country_is_its_own_neighbour() -> None:
    taxes = load_taxes()
    union = taxes.shared("DE", "FR")
    assert union is not None
    assert len(union.countries) == 27
    assert taxes.shared("DE", "DE") is None
    assert taxes.shared("DE", "GB") is None
