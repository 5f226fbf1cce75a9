"""What a change of how a tenant pays would do, in sentences, before anybody makes it.

Worked out by the very functions that make the change and refuse it, and that decide later what is paid;
nothing is written (recharge.md 1 to 4 and 8, domain.md 9).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from talktime.accounts.eligibility import eligibility, recharge_warnings
from talktime.accounts.funding_terms import billing_account, terms_of
from talktime.accounts.paying import rule_put
from talktime.accounts.recharge_limits import payment_limits
from talktime.accounts.tenant import ACTIVE, Tenant
from talktime.accounts.tenant_parts import default_account_set
from talktime.accounts.toml_table import shown
from talktime.core.limits import NO_LIMIT
from talktime.core.money import format_money
from talktime.core.recharge import Why, recharge_micros, verdict
from talktime.funding.recharge import method_of, method_text
from talktime.insight.post_usage import mode_now
from talktime.insight.recharge_view import REASONS, caps_left
from talktime.ledger.commands import Refused
from talktime.notices.texts import load_texts

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from talktime.accounts.tenant import AutoRecharge
    from talktime.catalog.model import Catalogue
    from talktime.catalog.side_model import Warned
    from talktime.core.modes import Mode
    from talktime.ledger.records import Standing


@dataclass(frozen=True, slots=True)
class Money:
    """What a tenant has in micros, and how it last stood."""

    balance: int
    available: int
    standing: Standing


@dataclass(frozen=True, slots=True)
class RechargeForeseen:
    """What a rule would do. `pays_now`: micros of the payment that would be made as soon as it is set."""

    says: tuple[str, ...]
    pays_now: int
    warnings: tuple[Warned, ...]


def recharge_foreseen(
    tenant: Tenant, table: Mapping[str, Any], money: Money, catalogue: Catalogue, now_us: int
) -> RechargeForeseen | Refused:
    """What a rule would do if it were set now. Raises TenantFaults; refused as setting it would be."""
    change = rule_put(tenant, table, catalogue, now_us)
    if isinstance(change, Refused):
        return change
    after = change.tenant
    if not after.auto_recharge.enabled:
        return RechargeForeseen(tuple(_off(after, money.balance, catalogue)), 0, ())
    why, amount = _now(after, money, catalogue, now_us)
    says = (*_rule(after), _at_once(why, amount, money.available, after.currency))
    return RechargeForeseen(says, amount if why is Why.PAYS else 0, recharge_warnings(after, catalogue))


def _off(after: Tenant, balance: int, catalogue: Catalogue) -> Iterator[str]:
    yield "Nothing is bought by itself."
    terms = terms_of(after, catalogue, recharge_on=False)
    if terms.behind and balance > 0:
        yield "What is left is spent first; then calls are invoiced after use."
    else:
        yield _effect(mode_now(after, catalogue, balance))


def _rule(after: Tenant) -> Iterator[str]:
    """When it pays, how much, with what, and what holds it."""
    rule, currency = after.auto_recharge, after.currency
    method = method_of(after, rule.method)
    card = "with the default card" if method is None else f"with {method_text(method)}"
    below = _money(rule.below_micros, currency)
    if rule.target_micros:
        bought = f"what is missing to {_money(rule.target_micros, currency)} is bought {card}"
    else:
        bought = f"credits of {_money(rule.add_micros, currency)} are bought {card}"
    yield f"Whenever less than {below} is available, {bought}."
    if rule.add_micros and rule.add_micros < rule.below_micros:
        yield f"If that does not reach {below}, as many times {_money(rule.add_micros, currency)} as does."
    yield _caps(rule, currency)


def _caps(rule: AutoRecharge, currency: str) -> str:
    held = []
    if rule.cap_per_month_micros is not None:
        held.append(f"{_money(rule.cap_per_month_micros, currency)} a calendar month")
    if rule.payments_a_day:
        held.append(
            f"{rule.payments_a_day} {'payment' if rule.payments_a_day == 1 else 'payments'} in 24 hours"
        )
    if rule.most_micros:
        held.append(f"{_money(rule.most_micros, currency)} a payment")
    if not held:
        return "No cap holds what it may spend."
    return f"At most {' and '.join(held)}; once a cap is met, it pays nothing more."


def _now(after: Tenant, money: Money, catalogue: Catalogue, now_us: int) -> tuple[Why, int]:
    """Whether it would pay as soon as it is set, and how much: the rule of `core.recharge`."""
    rule, standing = after.auto_recharge, money.standing
    method = method_of(after, rule.method)
    left = caps_left(after, standing, now_us)
    room = 0 if left.payments == 0 else NO_LIMIT if left.micros is None else left.micros
    least, most, coin = payment_limits(rule, after.currency)
    amount = recharge_micros(
        money.available, rule.below_micros, rule.add_micros, room, least, rule.target_micros, most, coin
    )
    # Another card ends a pause (recharge.md 7).
    paused = bool(standing.suspended) and (method is None or method.fingerprint == standing.suspended_card)
    why = verdict(
        int(rule.enabled),
        int(bool(standing.attempt)),
        int(paused),
        int(after.status == ACTIVE),
        int(eligibility(after, catalogue, now_us).can_buy),
        int(method is not None),
        int(money.available < rule.below_micros),
        int(standing.cool_until_us > now_us),
        amount,
    )
    return Why(why), amount


def _at_once(why: Why, amount: int, available: int, currency: str) -> str:
    has = f"{_money(available, currency)} is available now"
    if why is Why.PAYS:
        return f"{has}: {_money(amount, currency)} is paid as soon as this is saved."
    if why is Why.ABOVE_TRIGGER:
        return f"{has}: nothing is paid yet."
    return f"{has}, but nothing is paid yet: {REASONS[why.name.lower()]}."


@dataclass(frozen=True, slots=True)
class DefaultForeseen:
    """What it would do to make an account the default one; `may_buy` before and after."""

    says: tuple[str, ...]
    may_buy_now: bool
    may_buy_then: bool


def default_foreseen(
    tenant: Tenant, account: str, balance: int, catalogue: Catalogue, now_us: int
) -> DefaultForeseen | Refused:
    """What happens if an account becomes the default one now. Raises TenantFaults.

    `tenant` with its people.
    """
    change = default_account_set(tenant, account, catalogue)
    if isinstance(change, Refused):
        return change
    after = replace(tenant, default_billing_account=change.tenant.default_billing_account)
    before_may, after_may = (eligibility(one, catalogue, now_us) for one in (tenant, after))
    says = [f"Credits are bought on {shown(account)}, and receipts are made out to it."]
    billed, billed_then = billing_account(tenant, catalogue), billing_account(after, catalogue)
    if billed_then is not None and (billed is None or billed.id != billed_then.id):
        says.append(f"Calls are billed to {shown(billed_then.id)} ({billed_then.agreement}) from then on.")
    modes = mode_now(tenant, catalogue, balance), mode_now(after, catalogue, balance)
    if modes[0] is not modes[1]:
        says.append(_effect(modes[1]))
    if before_may.can_buy and not after_may.can_buy:
        why = " ".join(f"{one.why} {one.remedy}" for one in after_may.failed)
        says.append(f"Credits can no longer be bought: {why}")
    elif after_may.can_buy and not before_may.can_buy:
        says.append("Credits can be bought again.")
    return DefaultForeseen(tuple(says), before_may.can_buy, after_may.can_buy)


def _effect(mode: Mode) -> str:
    """How paid calls are funded, in words."""
    return load_texts().mode_effects[mode.name.lower()]


def _money(micros: int, currency: str) -> str:
    return f"{format_money(micros)} {currency}"
