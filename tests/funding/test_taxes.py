"""Tax lines: whose tax, at which rate, rounded to the smallest coin, or why none is asked for."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talktime.catalog.load import CatalogueError
from talktime.catalog.taxes import load_taxes, read_taxes
from talktime.funding.taxes import Seller, TaxLine, minor_unit_micros, part_of, tax_lines, tax_sum, to_minor

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
    whole = part_of([TaxLine("VAT", "X", rate_ppm, net, 0)], net, 0, currency)
    ends = sorted({cut % net for cut in cuts} | {0, net})
    parts = [part_of(whole, end - begin, begin, currency) for begin, end in pairwise(ends)]
    assert sum(tax_sum(part) for part in parts) == tax_sum(whole)
    assert all(tax_sum(part) >= 0 and tax_sum(part) % minor_unit_micros(currency) == 0 for part in parts)


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
