"""How a tenant pays: the tables [[billing_accounts]] and [auto_recharge] of the tenant file.

Faults go to the tables' list, each with table, entry and key (interfaces.md, The tenant file; recharge.md 1).
"""

from typing import Final

from talktime.accounts.tenant import AGREEMENTS, AutoRecharge, BillingAccount
from talktime.accounts.toml_table import Table, country_fault, shown
from talktime.catalog.model import Catalogue
from talktime.catalog.side import load_currencies
from talktime.core.money import MICROS_PLACES, format_money

MAX_PAYMENTS_A_DAY: Final = 1_000
MAX_COOL_DOWN_S: Final = 7 * 86_400
MAX_ADDRESS_LINES: Final = 10

_ACCOUNT: Final = ("id", "agreement", "country", "post_usage_enabled")
_ON_PAPERS: Final = ("name", "address", "tax_id", "purchase_order")
_AMOUNTS: Final = ("below", "add", "target", "least", "most", "cap_per_month")
_PAID: Final = ("add", "target", "least", "most")
_RULE: Final = ("enabled", *_AMOUNTS, "payments_a_day", "cool_down_s", "method")


def billing_account_of(table: Table, country: str, catalogue: Catalogue) -> BillingAccount:
    """An entry of [[billing_accounts]]; `country` is the tenant's, which it has where it names none."""
    table.only(*_ACCOUNT, *_ON_PAPERS)
    return BillingAccount(
        id=table.needed("id"),
        agreement=table.word("agreement", AGREEMENTS),
        country=country_of(table, "country", country, catalogue),
        post_usage_enabled=table.flag("post_usage_enabled", True),
        name=table.text("name"),
        address=_address(table),
        tax_id=table.text("tax_id"),
        purchase_order=table.text("purchase_order"),
    )


def _address(table: Table) -> tuple[str, ...]:
    """The lines of an address, blanks around them cut."""
    lines = table.items("address")
    if len(lines) > MAX_ADDRESS_LINES:
        table.fault(f"address has {len(lines)} lines; at most {MAX_ADDRESS_LINES} fit on a paper")
    for position, line in enumerate(lines, 1):
        if not isinstance(line, str) or not line.strip() or not line.isprintable():
            table.fault(f"address[{position}] {shown(line)} must be one line of text, in quotes")
    return tuple(line.strip() for line in lines if isinstance(line, str))


def country_of(table: Table, key: str, default: str | None, catalogue: Catalogue) -> str:
    """Two capital letters of a country that the catalogue knows; needed where there is no default."""
    if key not in table.entries and default is not None:
        return default
    value = table.needed(key)
    fault = country_fault(value, catalogue.dialling) if value else ""
    if fault:
        table.fault(f"{key} {shown(value)} {fault}")
    return "" if fault else value


def auto_recharge_of(table: Table, currency: str) -> AutoRecharge:
    """The table [auto_recharge] of a tenant that pays in `currency` ("" where that is at fault)."""
    table.only(*_RULE)
    enabled = table.flag("enabled", False)
    if "enabled" not in table.entries:
        table.fault("enabled is missing; write enabled = true or enabled = false")
    money = {key: table.money(key) for key in _AMOUNTS}
    before = len(table.faults)
    _single_amounts(table, money, currency)
    if enabled:
        _needed(table)
    if len(table.faults) == before:
        _amounts_together(table, money)
    return AutoRecharge(
        enabled=enabled,
        below_micros=money["below"] or 0,
        add_micros=money["add"] or 0,
        cap_per_month_micros=money["cap_per_month"],
        target_micros=money["target"] or 0,
        least_micros=money["least"] or 0,
        most_micros=money["most"] or 0,
        payments_a_day=table.whole("payments_a_day", 1, MAX_PAYMENTS_A_DAY) or 0,
        cool_down_s=table.whole("cool_down_s", 0, MAX_COOL_DOWN_S) or 0,
        method=table.text("method"),
    )


def _needed(table: Table) -> None:
    """What a rule that is on cannot do without."""
    if "below" not in table.entries:
        table.fault("below is missing")
    if "add" not in table.entries and "target" not in table.entries:
        table.fault("add is missing")


def _single_amounts(table: Table, money: dict[str, int | None], currency: str) -> None:
    """Amounts that are wrong by themselves: not above 0, or no payment that a card can make."""
    minimum = load_currencies().minimum_purchase_micros(currency)
    for key, micros in money.items():
        if micros is not None and micros <= 0:
            table.fault(f"{key} {format_money(micros)} must be above 0")
        elif (
            micros is not None
            and key in _PAID
            and whole_coins(table, key, micros, currency)
            and micros < minimum
            and currency
        ):
            least = f"{format_money(minimum)} {currency}"
            table.fault(f"{key} {format_money(micros)} is below the least purchase of {least}")


def _amounts_together(table: Table, money: dict[str, int | None]) -> None:
    """Amounts that stand well alone and not together; absent ones do not matter."""
    below, cap = money["below"], money["cap_per_month"]
    if money["add"] is not None and money["target"] is not None:
        table.fault("add and target are two ways to refill; keep one")
    if below is not None and money["target"] is not None and money["target"] <= below:
        _wrong_order(table, money, "target", "must be above", "below")
    if below is not None and cap is not None and below > cap:
        _wrong_order(table, money, "below", "can never be met; it is above", "cap_per_month")
    if money["least"] is not None and money["most"] is not None and money["least"] > money["most"]:
        _wrong_order(table, money, "least", "must not be above", "most")
    if money["least"] is not None and cap is not None and money["least"] > cap:
        _wrong_order(table, money, "least", "must not be above", "cap_per_month")


def _wrong_order(table: Table, money: dict[str, int | None], one: str, how: str, other: str) -> None:
    table.fault(f"{one} {format_money(money[one] or 0)} {how} {other} {format_money(money[other] or 0)}")


def whole_coins(table: Table, key: str, micros: int, currency: str) -> bool:
    """Refuses a payment that no card can make: finer than the currency's smallest coin (domain.md 2)."""
    places = load_currencies().minor_units.get(currency, MICROS_PLACES)
    is_whole = not micros % 10 ** (MICROS_PLACES - places)
    if not is_whole:
        table.fault(f"{key} {format_money(micros)} is finer than {currency} can be paid, {places} decimals")
    return is_whole
