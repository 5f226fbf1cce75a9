"""What the service answers, as frozen values: amounts are Decimal, instants are aware datetimes.

Names are those of the API; fields that a later service adds are passed over.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import msgspec


class Rate(msgspec.Struct, frozen=True):
    """The price of a call; amounts in the tenant's currency, prices a minute."""

    prefix: str
    price_per_minute: Decimal
    first_price_per_minute: Decimal
    connection_fee: Decimal
    first_seconds: int
    step_seconds: int
    deck: str


class Reserved(msgspec.Struct, frozen=True):
    """What the call holds after the answer."""

    pool_seconds: int
    credits: Decimal


class Allowed(msgspec.Struct, frozen=True, tag_field="decision", tag="allow"):
    """The call may start or go on: `granted_seconds` from what is used on, `authorised_seconds` in all.

    `final`: no more will follow unless money comes in; `ask_again_s` above 0: it is on its way, ask then.
    `is_assumed`: the service was away and the client's policy is open; nothing is reserved.
    """

    call_id: str
    granted_seconds: int
    authorised_seconds: int
    final: bool
    valid_until: datetime | None = None
    category: str = ""
    reserved: Reserved = Reserved(0, Decimal(0))
    rate: Rate | None = None
    ask_again_s: int = 0
    is_assumed: bool = False


class Denied(msgspec.Struct, frozen=True, tag_field="decision", tag="deny"):
    """The call may not start, or not go on beyond what it has; `retry`: it may be allowed a little later.

    `is_assumed`: the service was away and the client's policy is closed.
    """

    call_id: str
    reason: str
    retry: bool
    detail: str
    is_assumed: bool = False


class Paid(msgspec.Struct, frozen=True):
    """A source that paid a part of a call: pool (`seconds`), credits, post_usage or overdraft (`amount`)."""

    source: str
    id: str = ""
    seconds: int = 0
    amount: Decimal = Decimal(0)


class Settled(msgspec.Struct, frozen=True):
    """The charge of a call; `balance` and `available` are what the tenant has after it."""

    call_id: str
    billed_seconds: int
    pool_seconds: int
    paid_seconds: int
    amount: Decimal
    currency: str
    funding: tuple[Paid, ...]
    balance: Decimal
    available: Decimal
    flags: tuple[str, ...] = ()


class Cancelled(msgspec.Struct, frozen=True):
    """Nothing is charged, everything is released."""

    call_id: str
    state: str


class Problem(msgspec.Struct, frozen=True):
    """An operation of a batch that was not done; the fields of `ProblemError`."""

    status: int
    code: str
    detail: str
    pointer: str = ""
    faults: tuple[str, ...] = ()

    @property
    def is_temporary(self) -> bool:
        """Whether the same operation, sent again, may be done."""
        return self.status == 503


class Lot(msgspec.Struct, frozen=True):
    """A lot that holds money."""

    lot: int
    bought_at: datetime | None
    expires_at: datetime | None
    amount: Decimal
    left: Decimal
    reserved: Decimal
    origin: str
    reference: str


class Credits(msgspec.Struct, frozen=True):
    """The credits of a tenant; `mode` says how paid calls are funded."""

    balance: Decimal
    reserved: Decimal
    available: Decimal
    overdraft: Decimal
    currency: str
    mode: str
    lots: tuple[Lot, ...]


class Funded(msgspec.Struct, frozen=True):
    """The lot of a purchase; `repeated`: the reference had opened it before."""

    lot: int
    amount: Decimal
    currency: str
    repeated: bool


class Deck(msgspec.Struct, frozen=True):
    """A stored rate deck; `sample`: its prices are not real; `added`: it was not there before."""

    version: str
    name: str
    currency: str
    sample: bool
    added: bool


Decision = Allowed | Denied
Answer = Allowed | Denied | Settled | Cancelled
