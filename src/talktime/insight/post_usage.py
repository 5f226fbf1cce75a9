"""The way to post-usage: what stands against it, and what would happen if auto-recharge were off from now on.

Credits are spent first, as the forecast has it; what lots lose by expiry before that is lost. So there is
always a day on which the balance ends, at the latest that of the last lot's expiry (domain.md 9, rulings.md
29).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from talktime.accounts.calendar import day_of
from talktime.accounts.eligibility import recharge_warnings
from talktime.accounts.funding_terms import terms_of
from talktime.accounts.paying import mca_account
from talktime.accounts.tenant import MCA, Tenant
from talktime.accounts.toml_table import shown
from talktime.catalog.side import load_eligibility
from talktime.catalog.side_model import Warned
from talktime.core.alerts import DAY_US, LONG_DAYS, SHORT_DAYS, burn_a_day, fit_of
from talktime.core.forecast import EDGE, lasts
from talktime.core.modes import Mode, mode
from talktime.core.money import ceil_div, format_money
from talktime.core.purse import beyond_debt
from talktime.notices.alerts import purses

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from talktime.catalog.model import Catalogue
    from talktime.ledger.reading import KeptWallet
    from talktime.ledger.records import Standing

AUTO_RECHARGE_ON: Final = "auto_recharge_on"
NO_MCA_ACCOUNT: Final = "no_mca_account"
SUBSCRIPTIONS_ELSEWHERE: Final = "subscriptions_elsewhere"
POST_USAGE_OFF: Final = "post_usage_off"

WHAT_IS_LEFT: Final = (
    "What is left is spent first; post-usage stands behind it from the first second, so nobody is refused."
    " Once it is spent, minutes land on the monthly invoice by themselves."
    " What is not spent still expires 12 months after it was bought; it is neither refunded nor moved."
)


OVERDRAWN: Final = "overdrawn"
SETTLE_IT: Final = (
    "Have the provider bill it by hand and write it off as an adjustment of the same amount; credits that are"
    " bought or given pay it first."
)


class HeldLot(NamedTuple):
    """What is left of a lot, in micros, and when that expires."""

    lot: int
    left: int
    expires_us: int


def held_lots(wallet: KeptWallet) -> list[HeldLot]:
    """The lots of a wallet with what they hold beyond what is owed (overdraft)."""
    left = beyond_debt((lot.left for lot in wallet.lots), wallet.overdraft)
    return [HeldLot(lot.lot, micros, lot.expires_us) for lot, micros in zip(wallet.lots, left, strict=True)]


class Expiring(NamedTuple):
    """What a lot would lose because it expires before it is spent, in micros."""

    lot: int
    micros: int
    expires_us: int


@dataclass(frozen=True, slots=True)
class Course:
    """How the balance would end where `paid` micros were spent in the last `days` full days.

    `burn`: micros a day, rounded half up. `ends_us`: the first instant with nothing left. Until then `spent`
    micros are spent and `forfeited` ones lost as the lots in `expiring` run out: together what lots hold.
    """

    days: int
    burn: int
    ends_us: int
    spent: int
    forfeited: int
    expiring: tuple[Expiring, ...]


class Ends(NamedTuple):
    """Local days since 1970 on which nothing is left: what is expected, and the edges of 8 of 10 cases."""

    earliest: int
    expected: int
    latest: int


class DryRun(NamedTuple):
    """How the balance would end: by the forecast, and at the pace of the last 28 and 7 days alone."""

    ends: Ends
    courses: tuple[Course, Course]


@dataclass(frozen=True, slots=True)
class Obstacle:
    """What stands against the switch: why, and what to do."""

    code: str
    why: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Way:
    """How a tenant stands on the way to post-usage.

    `account`: the MCA account, "" for none; `enabled`: its setting. `dry_run`: what happens if nothing is
    bought any more.
    """

    mode: Mode
    account: str
    enabled: bool
    against: tuple[Obstacle, ...]
    warnings: tuple[Warned, ...]
    notes: tuple[str, ...]
    dry_run: DryRun
    left_over: str = WHAT_IS_LEFT

    @property
    def can_switch(self) -> bool:
        """Whether the switch would happen by itself."""
        return not self.against


def course(lots: Iterable[HeldLot], paid: int, days: int, now_us: int) -> Course:
    """How lots end that are spent one after the other, as evenly as `paid` micros were in `days` days.

    What a lot can give until it expires is rounded down, the instant at which one is spent up. Corrections
    may have made `paid` negative: then nothing is spent.
    """
    at_us = ends_us = now_us
    spent = 0
    expiring = []
    for lot in lots:
        if lot.left <= 0:
            continue
        until_us = max(lot.expires_us, at_us)
        fits = max(paid, 0) * (until_us - at_us) // (days * DAY_US)
        if fits >= lot.left:
            spent += lot.left
            at_us += ceil_div(lot.left * days * DAY_US, paid)
            ends_us = max(ends_us, at_us)
            continue
        spent += fits
        expiring.append(Expiring(lot.lot, lot.left - fits, lot.expires_us))
        at_us = until_us
        ends_us = max(ends_us, lot.expires_us)
    forfeited = sum(each.micros for each in expiring)
    return Course(days, burn_a_day(paid, days), ends_us, spent, forfeited, tuple(expiring))


def dry_run(lots: Sequence[HeldLot], days: Sequence[tuple[int, int]], now_us: int, time_zone: str) -> DryRun:
    """`days`: [(local day, micros paid)] of the full days before today that a forecast looks at."""
    today = day_of(now_us, time_zone)
    return DryRun(ends(lots, days, now_us, time_zone), courses(lots, days, today, now_us))


def ends(lots: Sequence[HeldLot], days: Sequence[tuple[int, int]], now_us: int, time_zone: str) -> Ends:
    """The days on which nothing is left. Where nothing is spent that is the day of the last lot's expiry."""
    today, drawn = day_of(now_us, time_zone), purses(lots, time_zone)
    last = max((lot.expires_day for lot in drawn), default=today)
    found = lasts(fit_of(days, today), drawn, today, EDGE)
    return Ends(*(last if each is None else today + each for each in found))


def courses(
    lots: Sequence[HeldLot], days: Iterable[tuple[int, int]], today: int, now_us: int
) -> tuple[Course, Course]:
    """The dry run by two paces. `days`: [(local day, micros paid)]; `today` is not over: not counted."""
    paid_28 = paid_7 = 0
    for day, paid in days:
        if today - LONG_DAYS <= day < today:
            paid_28 += paid
        if today - SHORT_DAYS <= day < today:
            paid_7 += paid
    return course(lots, paid_28, LONG_DAYS, now_us), course(lots, paid_7, SHORT_DAYS, now_us)


def mode_now(tenant: Tenant, catalogue: Catalogue, balance: int) -> Mode:
    """How paid calls are funded at this balance in micros; people and numbers do not matter."""
    rule_on = tenant.auto_recharge.enabled
    terms = terms_of(tenant, catalogue, recharge_on=rule_on)
    return mode(terms.is_mca, rule_on, terms.behind, balance)


def way_to_post_usage(
    tenant: Tenant,
    catalogue: Catalogue,
    balance: int,
    standing: Standing,
    found: DryRun,
) -> Way:
    """What stands against the switch, what to know, and the dry run `found`. `balance` in micros."""
    account = mca_account(tenant, catalogue)
    return Way(
        mode=mode_now(tenant, catalogue, balance),
        account="" if account is None else account.id,
        enabled=account is not None and account.post_usage_enabled,
        against=tuple(_against(tenant, catalogue)),
        warnings=recharge_warnings(tenant, catalogue),
        notes=tuple(_notes(tenant, catalogue, balance, standing)),
        dry_run=found,
    )


def _against(tenant: Tenant, catalogue: Catalogue) -> list[Obstacle]:
    """Everything that would have to be changed first."""
    found = []
    if tenant.auto_recharge.enabled:
        why = "Auto-recharge is on: the balance refills itself for ever, and billing never switches."
        found.append(Obstacle(AUTO_RECHARGE_ON, why, "Turn auto-recharge off."))
    account = mca_account(tenant, catalogue)
    elsewhere = _elsewhere(tenant, catalogue)
    is_mca = terms_of(tenant, catalogue, recharge_on=False).is_mca
    if account is None:
        why = "No billing account is on a Microsoft Customer Agreement (MCA)."
        found.append(Obstacle(NO_MCA_ACCOUNT, why, "Have an MCA billing account made first."))
    elif not is_mca:
        named = "; ".join(elsewhere) or f"The default account is {shown(tenant.default_billing_account)}"
        why = f"{named}: calls are not billed to the MCA account {shown(account.id)}."
        remedy = f"Move the calling and conferencing subscriptions to {shown(account.id)}."
        found.append(Obstacle(SUBSCRIPTIONS_ELSEWHERE, why, remedy))
    if account is not None and not account.post_usage_enabled:
        why = f"Post-usage is switched off on {shown(account.id)}: at a balance of 0 paid calls are refused."
        found.append(Obstacle(POST_USAGE_OFF, why, f"Switch post-usage on for {shown(account.id)}."))
    return found


def _elsewhere(tenant: Tenant, catalogue: Catalogue) -> list[str]:
    """Calling and conferencing subscriptions that are not billed under MCA, each with its account."""
    accounts = {account.id: account for account in tenant.billing_accounts}
    default = accounts.get(tenant.default_billing_account)
    kinds = load_eligibility().qualifying_kinds
    found = []
    for bought in tenant.subscriptions:
        plan = catalogue.plans.get(bought.plan)
        account = accounts.get(bought.billing_account) or default
        if plan is None or plan.kind not in kinds or account is None or account.agreement == MCA:
            continue
        found.append(f"{plan.code} is billed to {shown(account.id)} ({account.agreement})")
    return list(dict.fromkeys(found))


def _notes(tenant: Tenant, catalogue: Catalogue, balance: int, standing: Standing) -> list[str]:
    """What does not stand against the switch, and is good to know."""
    found = []
    elsewhere = _elsewhere(tenant, catalogue)
    if elsewhere and terms_of(tenant, catalogue, recharge_on=False).is_mca:
        found.append(f"{'; '.join(elsewhere)}: one subscription under MCA decides for all of them.")
    if standing.attempt:
        found.append(
            f"A recharge is on its way ({standing.attempt}); turning auto-recharge off cancels it only if it"
            " has not been sent yet."
        )
    if balance <= 0:
        found.append("Nothing is left to be spent: the switch would happen at once.")
    if balance < 0:
        found.append(f"{overdrawn(-balance, tenant.currency).says} {SETTLE_IT}")
    return found


def overdrawn(micros: int, currency: str) -> Warned:
    """What a call took beyond the last credits before billing after use: micros on nobody's invoice."""
    says = f"{format_money(micros)} {currency} are overdrawn; billing after use does not take them over."
    return Warned(OVERDRAWN, says, SETTLE_IT)
