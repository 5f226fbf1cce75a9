"""May this tenant buy credits: each rule with its outcome, why (naming the offender), and what to do.

The answer is worked out from where the calling and conferencing subscriptions are billed and which account is
the default; an exception that the provider granted lifts a failure and says so (domain.md 9, rulings.md 28).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from talktime.accounts.funding_terms import terms_of
from talktime.accounts.tenant import (
    CSP,
    EA,
    MCA,
    BillingAccount,
    ServiceNumber,
    Subscription,
    Tenant,
    User,
    Waiver,
)
from talktime.accounts.toml_table import shown, shown_instant
from talktime.catalog.side import load_eligibility
from talktime.core.eligibility import Outcome, at_least_one, excepted, may_buy, none_offends
from talktime.ledger.commands import Refused

if TYPE_CHECKING:
    from talktime.catalog.model import Catalogue
    from talktime.catalog.side_model import Eligibility, Warned

RECHARGE_UNDER_MCA: Final = "recharge_under_mca"

_Bought = tuple[Subscription, BillingAccount | None]
"""A subscription and the account that it is billed to; None where nobody said which."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What one rule said. `remedy` is "" unless it failed; `waiver` is the exception that lifted a failure.

    `offenders`: what broke the rule, by name, also where an exception lifts it.
    """

    rule: str
    asks: str
    outcome: Outcome
    why: str
    remedy: str
    offenders: tuple[str, ...] = ()
    waiver: Waiver | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """All rules in the order of the catalogue, and warnings.

    `partner_may_fund`: some subscriptions came through a partner, and nothing stands against its paying.
    """

    findings: tuple[Finding, ...]
    warnings: tuple[Warned, ...]
    partner_may_fund: bool

    @property
    def can_buy(self) -> bool:
        """Whether no rule failed."""
        return bool(may_buy(finding.outcome for finding in self.findings))

    @property
    def failed(self) -> tuple[Finding, ...]:
        """The rules that failed."""
        return tuple(finding for finding in self.findings if finding.outcome is Outcome.FAILED)


@dataclass(frozen=True, slots=True)
class _Case:
    """What the rules look at: what is bought now for calling and conferencing, and the default account."""

    tenant: Tenant
    bought: tuple[_Bought, ...]
    default: BillingAccount | None
    licences: tuple[str, ...]
    catalogue: Catalogue
    rules: Eligibility

    def on(self, *agreements: str) -> list[_Bought]:
        """What is billed under one of these agreements."""
        return [(one, at) for one, at in self.bought if at is not None and at.agreement in agreements]


Verdict = tuple[Outcome, str, tuple[str, ...]]
"""Outcome, why, offenders."""


def eligibility(tenant: Tenant, catalogue: Catalogue, now_us: int) -> Answer:
    """The answer for a tenant as it is at an instant."""
    case = _case(tenant, catalogue, now_us)
    findings = tuple(_finding(case, rule, now_us) for rule in case.rules.rules)
    partner_rules = (one for one in findings if case.rules.rules[one.rule].by_partner)
    return Answer(
        findings=findings,
        warnings=recharge_warnings(tenant, catalogue),
        partner_may_fund=bool(case.on(CSP)) and bool(may_buy(one.outcome for one in partner_rules)),
    )


def recharge_warnings(tenant: Tenant, catalogue: Catalogue) -> tuple[Warned, ...]:
    """The warning for a tenant under MCA whose auto-recharge is on: it never switches (domain.md 9)."""
    rule_on = tenant.auto_recharge.enabled
    if not rule_on or not terms_of(tenant, catalogue, recharge_on=True).is_mca:
        return ()
    return (load_eligibility().warnings[RECHARGE_UNDER_MCA],)


def not_eligible(answer: Answer) -> Refused:
    """The refusal of a purchase: the failed rules, each with why and what to do."""
    assert answer.failed, "a tenant that may buy is not refused"
    return Refused("not_eligible", " ".join(f"{one.why} {one.remedy}" for one in answer.failed))


def switched_on_refused(before: Tenant, after: Tenant, catalogue: Catalogue, now_us: int) -> Refused | None:
    """Why this change may not switch auto-recharge on; a rule that was on already stays (rulings.md 28)."""
    if before.auto_recharge.enabled or not after.auto_recharge.enabled:
        return None
    answer = eligibility(after, catalogue, now_us)
    return None if answer.can_buy else not_eligible(answer)


def facts_of(answer: Answer) -> dict[str, object]:
    """The answer as plain values, as a support ticket carries it and the API shows it."""
    return {
        "can_buy": answer.can_buy,
        "partner_may_fund": answer.partner_may_fund,
        "rules": [_facts(finding) for finding in answer.findings],
        "warnings": [{"id": one.id, "says": one.says, "remedy": one.remedy} for one in answer.warnings],
    }


def _facts(finding: Finding) -> dict[str, object]:
    facts: dict[str, object] = {
        "rule": finding.rule,
        "asks": finding.asks,
        "outcome": finding.outcome.name.lower(),
        "why": finding.why,
        "remedy": finding.remedy,
        "offenders": list(finding.offenders),
    }
    if finding.waiver is not None:
        facts["exception"] = {
            "reason": finding.waiver.reason,
            "until": shown_instant(finding.waiver.until_us),
            "who": finding.waiver.who,
        }
    return facts


def _case(tenant: Tenant, catalogue: Catalogue, now_us: int) -> _Case:
    rules = load_eligibility()
    accounts = {account.id: account for account in tenant.billing_accounts}
    default = accounts.get(tenant.default_billing_account)

    def counts(plan: str) -> bool:
        return plan in catalogue.plans and catalogue.plans[plan].kind in rules.qualifying_kinds

    bought = tuple(
        (one, accounts.get(one.billing_account) or default)
        for one in tenant.subscriptions
        if one.purchased and one.from_us <= now_us < one.until_us and counts(one.plan)
    )
    holders: list[User | ServiceNumber] = [*tenant.users, *tenant.service_numbers]
    held = {
        licence.plan
        for licences in {one.licences for one in holders}
        for licence in licences
        if licence.from_us <= now_us < licence.until_us and counts(licence.plan)
    }
    licences = sorted((held | {one.plan for one, _ in bought}) - rules.add_ons)
    return _Case(tenant, bought, default, tuple(licences), catalogue, rules)


def _finding(case: _Case, rule: str, now_us: int) -> Finding:
    """One rule, with the exception that holds for it now."""
    outcome, why, offenders = RULES[rule](case)
    text = case.rules.rules[rule]
    held = [one for one in case.tenant.waivers if one.rule == rule and now_us < one.until_us]
    after = excepted(outcome, bool(held))
    if after is not outcome:
        waiver = max(held, key=lambda one: one.until_us)
        until = shown_instant(waiver.until_us)
        why = f"Passed by an exception until {until} ({waiver.reason}). Without it: {why}"
        return Finding(rule, text.asks, after, why, "", offenders, waiver)
    remedy = text.remedy if after is Outcome.FAILED else ""
    return Finding(rule, text.asks, after, why, remedy, offenders)


# --- the rules --------------------------------------------------------------------------------------------


def _subscriptions_on_mosa(case: _Case) -> Verdict:
    """Fails for a subscription on MCA; one through a partner is judged by its own rule alone."""
    judged = [one for one in case.bought if one not in case.on(CSP)]
    on_mca = case.on(MCA)
    outcome = none_offends(len(judged), len(on_mca))
    if outcome is Outcome.NOT_APPLICABLE:
        why = "No calling or conferencing subscription of its own is billed now."
        return outcome, why, ()
    if outcome is Outcome.PASSED:
        return outcome, "No calling or conferencing subscription is billed to an MCA account.", ()
    return outcome, _billed_to(on_mca, case, "an MCA account"), _named(on_mca)


def _default_account_is_mosa(case: _Case) -> Verdict:
    default = case.default
    if default is None:
        why = "No default billing account is selected."
        return Outcome.NOT_APPLICABLE, why, ()
    if default.agreement == CSP:
        why = f"The default billing account {shown(default.id)} is a partner's (CSP)."
        return Outcome.NOT_APPLICABLE, why, ()
    outcome = none_offends(1, default.agreement == MCA)
    why = f"The default billing account {shown(default.id)} is on a {default.agreement} agreement."
    return outcome, why, (default.id,) if outcome is Outcome.FAILED else ()


def _not_through_csp(case: _Case) -> Verdict:
    through = case.on(CSP)
    outcome = none_offends(len(case.bought), len(through))
    if outcome is Outcome.NOT_APPLICABLE:
        return outcome, "No calling or conferencing subscription is billed now.", ()
    if outcome is Outcome.PASSED:
        return outcome, "No calling or conferencing subscription was bought through a partner.", ()
    return outcome, _billed_to(through, case, "a partner's account (CSP)"), _named(through)


def _ea_region_matches(case: _Case) -> Verdict:
    """Asked of Enterprise Agreements that calling is billed to, or that are the default."""
    accounts = {at.id: at for _, at in case.on(EA) if at is not None}
    if case.default is not None and case.default.agreement == EA:
        accounts[case.default.id] = case.default
    country = case.tenant.country
    apart = [one for one in accounts.values() if not case.rules.same_region(one.country, country)]
    outcome = none_offends(len(accounts), len(apart))
    if outcome is Outcome.NOT_APPLICABLE:
        return outcome, "Nothing is billed under an Enterprise Agreement (EA).", ()
    if outcome is Outcome.PASSED:
        return outcome, f"The Enterprise Agreement is billed in the region of {country}.", ()
    billed = "; ".join(f"account {shown(one.id)} is billed in {one.country}" for one in apart)
    why = f"The organisation is in {country}, but {billed}: another region."
    return outcome, why, tuple(one.id for one in apart)


def _country_offered(case: _Case) -> Verdict:
    country = case.tenant.country
    outcome = none_offends(1 if country else 0, country in case.rules.not_offered)
    if outcome is Outcome.NOT_APPLICABLE:
        return outcome, "The organisation's country is not known.", ()
    if outcome is Outcome.PASSED:
        return outcome, f"Credits are offered in {country}.", ()
    return outcome, f"Credits are not offered in {country}.", (country,)


def _has_qualifying_licence(case: _Case) -> Verdict:
    outcome = at_least_one(len(case.licences))
    if outcome is Outcome.FAILED:
        return outcome, "There is no Audio Conferencing licence and no Calling Plan.", ()
    held = ", ".join(_plan(code, case.catalogue) for code in case.licences)
    return outcome, f"The organisation has {held}.", ()


def _billed_to(bought: Iterable[_Bought], case: _Case, what: str) -> str:
    """The sentence that names each subscription and the account that it is on."""
    each = [
        f"{_plan(one.plan, case.catalogue)} is billed to account {shown(at.id)}"
        for one, at in bought
        if at is not None
    ]
    return f"{'; '.join(dict.fromkeys(each))}: {what}."


def _named(bought: Iterable[_Bought]) -> tuple[str, ...]:
    """Offenders: plan and account, `MCOPSTN1 on new`."""
    return tuple(dict.fromkeys(f"{one.plan} on {at.id}" for one, at in bought if at is not None))


def _plan(code: str, catalogue: Catalogue) -> str:
    return f"{code} ({catalogue.plans[code].name})"


RULES: Final[dict[str, Callable[[_Case], Verdict]]] = {
    "subscriptions_on_mosa": _subscriptions_on_mosa,
    "default_account_is_mosa": _default_account_is_mosa,
    "not_through_csp": _not_through_csp,
    "ea_region_matches": _ea_region_matches,
    "country_offered": _country_offered,
    "has_qualifying_licence": _has_qualifying_licence,
}
"""How each rule of the catalogue is judged."""
