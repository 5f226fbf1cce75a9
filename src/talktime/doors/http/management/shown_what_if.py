"""Files of usage, questions and their answers in the words of the API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from talktime.core.money import format_money
from talktime.doors.http.management.answers_what_if import (
    NONE,
    CategoryDifference,
    ComparedAnswer,
    DeckChoice,
    DifferenceAnswer,
    FiguresAnswer,
    PlanChoice,
    RuleAnswer,
    RuleBody,
    ScenarioAnswer,
    ScenarioBody,
    SwapAnswer,
    TriedCapAnswer,
    TriedCategory,
    TriedDay,
    TriedPool,
    TriedRecharge,
    UsageFileAnswer,
    UsageFinding,
    WhatIfAnswer,
    WhatIfChoices,
    WhatIfLine,
)
from talktime.doors.http.management.texts import instant
from talktime.insight.scenario import Rule, Scenario, Swap, TriedCap
from talktime.insight.what_if_figures import COMPARED, Compared, Difference, Figures

if TYPE_CHECKING:
    from collections.abc import Sequence

    from talktime.insight.scenario import Choices
    from talktime.insight.what_if_papers import UsageFile, WhatIf
    from talktime.insight.what_ifs import Answered
    from talktime.ledger.decks import KeptDeck

_compared: Final = msgspec.json.Decoder(Compared)

_MONEY: Final = frozenset(
    {"amount", "credits", "post_usage", "overdraft", "opening_balance", "closing_balance", "lowest_balance"}
    | {"forfeited", "recharged"}
)
"""Figures that are money; those that end in `_s` are seconds, the rest are counts and words."""


def scenario_of(body: ScenarioBody) -> Scenario:
    """What was asked, as the use case has it."""
    return Scenario(
        name=body.name.strip(),
        plans=tuple(Swap(one.plan, one.becomes, one.country) for one in body.plans),
        recharge=None if body.recharge is None else _rule_of(body.recharge),
        balance=body.balance,
        deck=body.deck,
        agreement=body.agreement,
        treat_as=body.treat_as,
        caps=tuple(
            TriedCap(one.scope, one.id, None if one.amount == NONE else one.amount) for one in body.caps
        ),
    )


def _rule_of(body: RuleBody) -> Rule:
    cap = body.cap_per_month
    uncapped = cap == NONE
    return Rule(body.enabled, body.below or 0, body.add or 0, None if cap == NONE else cap, uncapped)


def scenario_shown(one: Scenario) -> ScenarioAnswer:
    """A scenario as it was asked."""
    rule = one.recharge
    return ScenarioAnswer(
        name=one.name,
        plans=[SwapAnswer(plan=swap.plan, becomes=swap.becomes, country=swap.country) for swap in one.plans],
        recharge=None if rule is None else _rule_shown(rule),
        balance=None if one.balance is None else format_money(one.balance),
        deck=one.deck,
        agreement=one.agreement,
        treat_as=one.treat_as,
        caps=[TriedCapAnswer(scope=cap.scope, id=cap.id, amount=_cap_shown(cap.amount)) for cap in one.caps],
    )


def _cap_shown(micros: int | None) -> str:
    return NONE if micros is None else format_money(micros)


def _rule_shown(rule: Rule) -> RuleAnswer:
    cap = rule.cap_per_month
    has_cap = rule.enabled and (rule.uncapped or cap is not None)
    return RuleAnswer(
        enabled=rule.enabled,
        below=format_money(rule.below) if rule.enabled else None,
        add=format_money(rule.add) if rule.enabled else None,
        cap_per_month=_cap_shown(cap) if has_cap else None,
    )


def usage_file_shown(file: UsageFile) -> UsageFileAnswer:
    """A file of usage and what was seen in it."""
    seen = file.seen
    return UsageFileAnswer(
        id=file.id,
        name=file.name,
        bytes=file.bytes,
        formats=list(seen.formats),
        rows=seen.rows,
        rejected_rows=seen.rejected_rows,
        from_=instant(seen.from_us),
        until=instant(seen.until_us),
        currencies=list(seen.currencies),
        findings=[UsageFinding(line=one.line or None, text=one.text) for one in seen.findings],
        brought_by=file.who,
        brought_at=instant(file.brought_us),
        expires_at=instant(file.expires_us),
    )


def line_shown(asked: WhatIf) -> WhatIfLine:
    """A question in the list."""
    return WhatIfLine(
        id=asked.id,
        file_name=asked.name,
        names=[one.name for one in asked.scenarios],
        asked_by=asked.who,
        asked_at=instant(asked.asked_us),
        state=asked.state,
        error=asked.error,
    )


def answered_shown(found: Answered) -> WhatIfAnswer:
    """A question with what became of it."""
    asked, compared = found.asked, compared_of(found)
    return WhatIfAnswer(
        id=asked.id,
        file=asked.file,
        file_name=asked.name,
        currency=asked.currency,
        scenarios=[scenario_shown(one) for one in asked.scenarios],
        asked_by=asked.who,
        asked_at=instant(asked.asked_us),
        state=asked.state,
        percent=found.percent,
        done_at=instant(asked.done_us),
        expires_at=instant(asked.expires_us),
        error=asked.error,
        result=None if compared is None else _result(compared),
    )


def compared_of(found: Answered) -> Compared | None:
    """The answer of a question; None where there is none yet."""
    return _compared.decode(found.answer) if found.answer else None


def _result(found: Compared) -> ComparedAnswer:
    today, *others = found.figures
    return ComparedAnswer(
        currency=found.currency,
        time_zone=found.time_zone,
        rows=found.rows,
        rejected_rows=found.rejected_rows,
        duplicate_rows=found.duplicate_rows,
        from_=instant(found.from_us),
        until=instant(found.until_us),
        today=_figures(today),
        scenarios=[_figures(one) for one in others],
        differences=[_difference(one) for one in found.differences],
    )


def _plain(name: str, value: object) -> tuple[str, object]:
    """A figure by its name in the API."""
    if name in _MONEY:
        assert isinstance(value, int), name
        return name, format_money(value)
    return (f"{name[:-2]}_seconds" if name.endswith("_s") else name), value


_APART: Final = {"recharged_at", "ran_out_us", "ran_out_day", "categories", "pools", "days", "warnings"}


def _figures(one: Figures) -> FiguresAnswer:
    told = dict(_plain(name, getattr(one, name)) for name in Figures.__struct_fields__ if name not in _APART)
    apart = {
        "recharged_at": [
            TriedRecharge(
                at=instant(each.at_us),
                amount=format_money(each.amount),
                balance_after=format_money(each.balance_after),
            )
            for each in one.recharged_at
        ],
        "money_ran_out_at": None if one.ran_out_us is None else instant(one.ran_out_us),
        "money_ran_out_on": one.ran_out_day or None,
        "by_category": [
            TriedCategory(
                name=each.name,
                calls=each.calls,
                billed_seconds=each.billed_s,
                amount=format_money(each.amount),
            )
            for each in one.categories
        ],
        "pools": [
            TriedPool(
                plan=each.plan,
                kind=each.kind,
                month=each.month,
                owner=each.owner,
                by_user=each.by_user,
                pools=each.pools,
                full=each.full,
                total_seconds=each.size_s,
                used_seconds=each.used_s,
            )
            for each in one.pools
        ],
        "days": [
            TriedDay(day=each.day, balance=format_money(each.balance), lowest=format_money(each.lowest))
            for each in one.days
        ],
        "warnings": list(one.warnings),
    }
    return FiguresAnswer.model_validate(told | apart)


def _difference(one: Difference) -> DifferenceAnswer:
    told = dict(_plain(name, one.figures[name]) for name in COMPARED)
    lines = [
        CategoryDifference(name=name, amount=format_money(amount)) for name, amount in one.categories.items()
    ]
    return DifferenceAnswer.model_validate(told | {"name": one.name, "by_category": lines})


def choices_shown(
    found: Choices, decks: Sequence[KeptDeck], in_force: str, currency: str, balance: int
) -> WhatIfChoices:
    """What can be chosen; `balance` in micros, `in_force` the version that prices calls today."""
    rule = found.recharge
    return WhatIfChoices(
        currency=currency,
        users=found.users,
        plans=[PlanChoice(**one._asdict()) for one in found.plans],
        decks=[
            DeckChoice(
                version=one.version, name=one.name, sample=one.sample, in_force=one.version == in_force
            )
            for one in decks
        ],
        agreements=list(found.agreements),
        treatments=list(found.treatments),
        balance=format_money(balance),
        recharge=_rule_shown(rule),
        agreement=found.agreement,
        countries=list(found.countries),
        cost_centres=list(found.cost_centres),
    )
