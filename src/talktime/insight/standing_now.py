"""What the parts of the first page are worked out from: a tenant as it is set up, and one look at its money.

Terms, mode, runway and the state of auto-recharge are worked out once here and given to every part.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

import msgspec

from talktime.accounts.calendar import day_of, month_of, month_start_us
from talktime.core.alerts import HISTORY_DAYS, Runway
from talktime.core.money import format_money
from talktime.funding.payments import is_unresolved
from talktime.funding.recharge import TIMELINE, Turn
from talktime.insight.post_usage import mode_now
from talktime.insight.recharge_view import recharge_view
from talktime.insight.set_up import SetUp, SetUps
from talktime.ledger.overview_reading import Asked, Looked, OverviewReader
from talktime.notices.alerts import runway_of
from talktime.notices.texts import Fund, load_texts

if TYPE_CHECKING:
    from talktime.accounts.tenant import Tenant
    from talktime.catalog.model import Catalogue
    from talktime.core.modes import Mode
    from talktime.insight.recharge_view import RechargeView
    from talktime.ledger.records import Payment
    from talktime.live.tenant import LiveTenant

WEBHOOK: Final = "webhook"
"""The kind of paper that a webhook is."""

_turn: Final = msgspec.json.Decoder(Turn)


@dataclass(frozen=True)
class StandingNow:
    """A tenant, a look at it, and an instant. `live` is as it was read before the look, or newer."""

    live: LiveTenant
    set_up: SetUp
    looked: Looked
    now_us: int

    @property
    def tenant(self) -> Tenant:
        """What it has set."""
        return self.live.tenant

    @property
    def catalogue(self) -> Catalogue:
        """The catalogue that it is charged by."""
        return self.live.catalogue

    @property
    def is_backed(self) -> bool:
        """Whether post-usage takes what credits do not pay: then nothing stops at 0 (rulings.md 29)."""
        return self.live.terms.behind

    @cached_property
    def today(self) -> int:
        """The local day of now."""
        return day_of(self.now_us, self.tenant.time_zone)

    @cached_property
    def month(self) -> int:
        """The billing month of now."""
        return month_of(self.now_us, self.tenant.time_zone)

    @cached_property
    def mode(self) -> Mode:
        """How paid calls are funded."""
        return mode_now(self.tenant, self.catalogue, self.looked.balance)

    @cached_property
    def runway(self) -> Runway:
        """How long the balance lasts."""
        looked = self.looked
        return runway_of(looked.days, looked.balance, looked.lots, self.now_us, self.tenant.time_zone)

    @cached_property
    def attempt(self) -> Payment | None:
        """The recharge on its way; None for none."""
        name = self.looked.standing.attempt
        found = (payment for payment in self.looked.payments if payment.payment == name)
        return next((payment for payment in found if is_unresolved(payment.state)), None)

    @cached_property
    def recharge(self) -> RechargeView:
        """How auto-recharge stands."""
        turn = _turn.decode(self.looked.turn) if self.looked.turn else None
        return recharge_view(
            self.tenant, self.looked.standing, turn, self.attempt, self.catalogue, self.now_us
        )

    @cached_property
    def fund(self) -> Fund:
        """How this tenant gets calls paid for again, and the page where."""
        return load_texts().fund(self.set_up.paying)

    def money(self, micros: int) -> str:
        """`12.5 USD`."""
        return f"{format_money(micros)} {self.looked.currency}"


class Lookout:
    """Looks at tenants through one reader, and remembers how they are set up."""

    def __init__(self, reader: OverviewReader) -> None:
        self._reader = reader
        self._set_ups = SetUps()

    def look(self, live: LiveTenant, now_us: int) -> StandingNow | None:
        """How a tenant stands; None where its wallet is gone. Blocks; raises StoreAway."""
        zone = live.tenant.time_zone
        month = month_of(now_us, zone)
        last_month = day_of(month_start_us(month - 1, zone), zone)
        first_day = min(last_month, day_of(now_us, zone) - HISTORY_DAYS)
        looked = self._reader.look(Asked(live.tenant.id, month, first_day, TIMELINE, WEBHOOK))
        if looked is None:
            return None
        return StandingNow(live, self._set_ups.of(live, now_us), looked, now_us)
