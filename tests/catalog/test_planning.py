"""What the planner chooses among, and licence prices: those that ship, and a list of one's own."""

from pathlib import Path

import pytest

from talktime.catalog.load import CatalogueError, load_catalogue
from talktime.catalog.planning import (
    load_licence_prices,
    load_plan_families,
    read_licence_prices,
    read_plan_families,
)

SHIPPED_CURRENCIES = ("EUR", "GBP", "USD")


def written(folder: Path, text: str) -> Path:
    """A price list in a file."""
    path = folder / "prices.toml"
    path.write_text(text, "utf-8")
    return path


def price(body: str) -> str:
    """A list with one entry."""
    return f"[[price]]\n{body}\n"


def test_every_option_that_ships_has_a_sample_price_in_each_currency() -> None:
    catalogue, prices = load_catalogue(), load_licence_prices()
    assert (prices.sample, prices.currencies()) == (True, SHIPPED_CURRENCIES)
    assert {plan for plan, _, _ in prices.amounts} <= catalogue.plans.keys()
    for family in load_plan_families():
        for code in family.plans(catalogue):
            for currency in SHIPPED_CURRENCIES:
                assert prices.price(catalogue.plans[code], currency, "DE") is not None, (code, currency)


def test_families_hold_every_plan_of_a_kind_and_the_lists_of_plans_together() -> None:
    catalogue = load_catalogue()
    calling, conferencing = load_plan_families()
    kinds = {plan.code for plan in catalogue.plans.values() if plan.kind == calling.every}
    assert calling.plans(catalogue) == kinds
    assert all(len(option) == 1 for option in calling.choices(catalogue))
    assert conferencing.choices(catalogue) == conferencing.options


def test_a_price_of_a_country_goes_before_that_of_all(tmp_path: Path) -> None:
    catalogue = load_catalogue()
    text = (
        'name = "ours"\n'
        + price('plan = "MCOPSTN1"\nUSD = "10"')
        + price('plan = "MCOPSTN1"\ncountries = ["DE", "FR"]\nUSD = "8.5"')
    )
    prices = read_licence_prices(written(tmp_path, text), catalogue)
    plan = catalogue.plans["MCOPSTN1"]
    assert (prices.name, prices.sample) == ("ours", False)
    found = [prices.price(plan, "USD", country) for country in ("US", "DE", "FR", "")]
    assert found == [10_000_000, 8_500_000, 8_500_000, 10_000_000]
    assert prices.price(plan, "EUR", "DE") is None


def test_a_free_plan_needs_no_price() -> None:
    plan = load_catalogue().plans["MCOPSTNC"]
    assert load_licence_prices().price(plan, "SEK", "SE") == 0


FAULTS = [
    ("", "holds no price"),
    ("name = 3\n" + price('plan = "MCOPSTN1"\nUSD = "1"'), "name is a text"),
    ("prices = 1", "unknown key 'prices'; did you mean price?"),
    ("price = 3", r"write \[\[price\]\]"),
    (price('USD = "1"'), 'price 1: needs a plan; write plan = "CODE"'),
    (price('plan = "MCOPSTN11"\nUSD = "1"'), "no plan 'MCOPSTN11'; did you mean MCOPSTN1?"),
    (price('plan = "MCOPSTN1"'), "has no price; write for example USD"),
    (price('plan = "MCOPSTN1"\nUSDD = "1"'), "'USDD' is no currency; did you mean USD?"),
    (price('plan = "MCOPSTN1"\nUSD = "-1"'), "USD: -1 is below 0"),
    (price('plan = "MCOPSTN1"\nUSD = "1.0000001"'), "more than 6 decimals"),
    (price('plan = "MCOPSTN1"\nUSD = 1.5'), 'USD = 1.5 is a float; write "1.5" in quotes'),
    (price('plan = "MCOPSTN1"\nUSD = 2'), "is not an amount; write it in quotes"),
    (price('plan = "MCOPSTN1"\nUSD = "a lot"'), "is not a decimal number"),
    (price('plan = "MCOPSTN1"\nUSD = "1000000001"'), "over the limit"),
    (price('plan = "MCOPSTN1"\ncountries = ["ZZ"]\nUSD = "1"'), "'ZZ' is no country code"),
    (price('plan = "MCOPSTN1"\ncountries = "DE"\nUSD = "1"'), "not a list of words"),
    (2 * price('plan = "MCOPSTN1"\nUSD = "1"'), "the price in USD stands twice"),
    ("[[price", "not TOML"),
]


@pytest.mark.parametrize(("text", "told"), FAULTS)
def test_what_is_wrong_in_a_list_of_prices_is_told_by_name(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(CatalogueError, match=told) as caught:
        read_licence_prices(written(tmp_path, text), load_catalogue())
    assert "prices.toml" in str(caught.value)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match=r"none\.toml: cannot be read"):
        read_licence_prices(tmp_path / "none.toml", load_catalogue())
    path = tmp_path / "latin.toml"
    path.write_bytes(b'name = "\xe9"')
    with pytest.raises(CatalogueError, match="is no UTF-8 text"):
        read_licence_prices(path, load_catalogue())


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('[[family]]\nid = "a"\nname = "A"\ncall_types = []', "needs options"),
        ('[[family]]\nid = "a"\nname = "A"\noptions = ["X"]\ncall_types = []', "not a list of words"),
        ('[[family]]\nid = "a"\nkind = "A"', "unknown key 'kind'"),
        (2 * '[[family]]\nid = "a"\nname = "A"\nevery = "x"\ncall_types = []\n', "two families have one id"),
    ],
)
def test_what_is_wrong_in_families_is_told(text: str, told: str) -> None:
    with pytest.raises(CatalogueError, match=told):
        read_plan_families(text)
