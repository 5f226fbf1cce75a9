"""The routers of money, for the app to include."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from talktime.doors.http.management import (
    gateway_events,
    money,
    months,
    papers,
    payment_methods,
    payments,
    post_usage,
    previews,
    recharge,
)

if TYPE_CHECKING:
    from fastapi import APIRouter

ROUTERS: Final[tuple[APIRouter, ...]] = tuple(
    part.router
    for part in (
        money,
        payments,
        payment_methods,
        recharge,
        papers,
        months,
        post_usage,
        previews,
        gateway_events,
    )
)
