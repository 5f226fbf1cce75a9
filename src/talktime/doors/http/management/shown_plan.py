"""Questions to the planner and their answers in the words of the API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from talktime.core.money import format_money, parse_decimal
from talktime.doors.http.management.answers_plan import (
    CONFIDENCES,
    PlanAnswer,
    PlanBody,
    PlanChoicesAnswer,
    PlanDocument,
    PlanFile,
    PlanLine,
    PlanPriceAnswer,
    PlanSettingsShown,
)
from talktime.doors.http.management.texts import instant
from talktime.insight.planner.conclusions import conclusions, confidence_percent
from talktime.insight.planner.document import Plan, PlanSettings
from talktime.insight.planner.plan_json import plan_json
from talktime.insight.planner.without_names import as_seen

if TYPE_CHECKING:
    from talktime.insight.planner.plan_choices import PlanChoices
    from talktime.insight.usage_rows import UsageRows
    from talktime.insight.what_if_papers import PlanAsked, WhatIf
    from talktime.insight.what_ifs import Answered

_plan: Final = msgspec.json.Decoder(Plan)

_PER_MILLE_PLACES: Final = 1


def settings_of(body: PlanBody) -> PlanSettings:
    """What was chosen, as the planner has it."""
    return PlanSettings(
        confidence=parse_decimal(body.confidence_percent, _PER_MILLE_PLACES),
        lead_hours=body.lead_hours,
        payments_a_month=body.payments_a_month,
        months_ahead=body.months_ahead,
    )


def plan_seen(found: Answered, rows: UsageRows) -> Plan | None:
    """The plan of a question as `rows` shows users; None while there is none."""
    return as_seen(_plan.decode(found.answer), rows) if found.answer else None


def plan_shown(found: Answered, rows: UsageRows) -> PlanAnswer:
    """A question with what became of it."""
    asked, plan = found.asked, plan_seen(found, rows)
    chosen = _chosen(asked)
    return PlanAnswer(
        id=asked.id,
        files=_files(chosen),
        currency=asked.currency,
        settings=_settings(chosen.settings),
        prices={code: format_money(price) for code, price in chosen.prices.items()},
        asked_by=asked.who,
        asked_at=instant(asked.asked_us),
        state=asked.state,
        percent=found.percent,
        done_at=instant(asked.done_us),
        expires_at=instant(asked.expires_us),
        error=asked.error,
        names=rows.has_names,
        conclusions=[] if plan is None else list(conclusions(plan)),
        result=None if plan is None else PlanDocument.model_validate(plan_json(plan)),
    )


def plan_line(asked: WhatIf) -> PlanLine:
    """A question in the list."""
    return PlanLine(
        id=asked.id,
        files=_files(_chosen(asked)),
        asked_by=asked.who,
        asked_at=instant(asked.asked_us),
        state=asked.state,
        error=asked.error,
    )


def _chosen(asked: WhatIf) -> PlanAsked:
    assert asked.plan is not None, "papers of this kind are questions to the planner"
    return asked.plan


def _files(chosen: PlanAsked) -> list[PlanFile]:
    return [PlanFile(id=id_, name=name) for id_, name in zip(chosen.files, chosen.names, strict=True)]


def _settings(chosen: PlanSettings) -> PlanSettingsShown:
    return PlanSettingsShown(
        confidence_percent=confidence_percent(chosen.confidence),
        lead_hours=chosen.lead_hours,
        payments_a_month=chosen.payments_a_month,
        months_ahead=chosen.months_ahead,
    )


def choices_shown(found: PlanChoices, currency: str) -> PlanChoicesAnswer:
    """What can be chosen."""
    return PlanChoicesAnswer(
        currency=currency,
        confidences=list(CONFIDENCES),
        sample=found.sample,
        prices=[
            PlanPriceAnswer(
                code=one.code,
                name=one.name,
                holders=one.holders,
                price=None if one.price is None else format_money(one.price),
            )
            for one in found.prices
        ],
    )
