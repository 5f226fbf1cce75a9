"""The first page, the history of the credits and the movements as answers, field by field."""

from __future__ import annotations

from typing import TYPE_CHECKING

from talktime.accounts.calendar import day_name, month_name
from talktime.core.money import format_money
from talktime.doors.http.management.answers_overview import (
    ActionAnswer,
    AdviceAnswer,
    AlertAnswer,
    AtZeroAnswer,
    CreditsDay,
    CreditsHistory,
    ForecastDay,
    MovementAnswer,
    OverviewAnswer,
    PathAnswer,
    RechargeBrief,
    SpendPaceAnswer,
    StepAnswer,
)
from talktime.doors.http.management.shown_money import runway_shown
from talktime.doors.http.management.texts import instant

if TYPE_CHECKING:
    from talktime.core.alerts import Runway
    from talktime.insight.credits_history import DayOfCredits, History
    from talktime.insight.movements import Course, Movement
    from talktime.insight.overview import Action, Overview
    from talktime.insight.spend_pace import SpendPace


def overview_shown(page: Overview) -> OverviewAnswer:
    """The first page."""
    now = page.now
    looked, tenant, zero = now.looked, now.tenant, page.at_zero
    return OverviewAnswer(
        tenant=tenant.id,
        name=tenant.name,
        status=tenant.status,
        time_zone=tenant.time_zone,
        currency=looked.currency,
        balance=format_money(looked.balance),
        available=format_money(looked.available),
        reserved=format_money(looked.reserved),
        overdraft=format_money(looked.overdraft),
        mode=now.mode.name.lower(),
        mode_says=page.mode_says,
        runway_days=now.runway.shortest,
        runway=runway_shown(now.runway),
        auto_recharge=_recharge(page),
        alerts=[
            AlertAnswer(
                code=one.code,
                urgency=one.urgency,
                says=one.says,
                since=instant(one.since_us),
                action=_action(one.action),
            )
            for one in page.alerts
        ],
        first_time=PathAnswer(
            ready=page.is_ready,
            steps=[
                StepAnswer(
                    code=one.code,
                    title=one.title,
                    state=one.state,
                    says=one.says,
                    action=_action(one.action),
                )
                for one in page.steps
            ],
        ),
        at_zero=AtZeroAnswer(
            backed=zero.is_backed,
            goes_on=list(zero.goes_on),
            while_minutes_last=list(zero.while_minutes_last),
            stops=list(zero.stops),
        ),
        spend=None if page.spend is None else _pace(page.spend),
        calls_in_progress=page.open_calls,
    )


def _recharge(page: Overview) -> RechargeBrief:
    view, said = page.now.recharge, page.advice
    return RechargeBrief(
        state=view.state.value,
        says=view.says,
        why=view.why,
        since=instant(view.since_us),
        advice=None
        if said is None
        else AdviceAnswer(code=said.code, says=said.says, action=_action(said.action)),
    )


def _action(action: Action | None) -> ActionAnswer | None:
    return None if action is None else ActionAnswer(says=action.says, page=action.page, path=action.path)


def _pace(pace: SpendPace) -> SpendPaceAnswer:
    return SpendPaceAnswer(
        month=month_name(pace.month),
        full_days=pace.full_days,
        spent=format_money(pace.spent),
        spent_full=format_money(pace.spent_full),
        before_same=format_money(pace.before_same),
        before=format_money(pace.before),
        more_percent=pace.more_percent,
    )


def history_shown(found: History, course: Course, runway: Runway) -> CreditsHistory:
    """The balance over time."""
    return CreditsHistory(
        currency=course.currency,
        start=format_money(found.start),
        days=[_day(day) for day in found.days],
        balance=format_money(course.balance),
        reconciled=True,
        runway=runway_shown(runway),
        forecast=[
            ForecastDay(
                day=day_name(one.day),
                high=format_money(one.high),
                low=format_money(one.low),
                expected=format_money(one.expected),
            )
            for one in found.ahead
        ],
    )


def _day(day: DayOfCredits) -> CreditsDay:
    return CreditsDay(
        day=day_name(day.day),
        purchase=format_money(day.incoming.get("purchase", 0)),
        recharge=format_money(day.incoming.get("recharge", 0)),
        on_behalf=format_money(day.incoming.get("on_behalf", 0)),
        paid=format_money(day.paid),
        expired=format_money(day.expired),
        other=format_money(day.other),
        balance=format_money(day.balance),
    )


def movement_shown(line: Movement) -> MovementAnswer:
    """A line of the movements."""
    return MovementAnswer(
        at=instant(line.at_us),
        kind=line.kind,
        amount=format_money(line.micros),
        balance=format_money(line.balance),
        lot=line.lot or None,
        reference=line.reference or None,
        first_entry=line.first,
        last_entry=line.last,
    )
