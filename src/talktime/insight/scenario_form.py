"""What somebody wants to try on a tenant, in its own words: plans, auto-recharge, caps, deck, agreement.

All that is absent is as the tenant has it now. Scenarios are kept with questions, so fields are only added.
"""

from __future__ import annotations

from typing import Final

import msgspec

EVERYBODY: Final = ""
"""In a swap: no plan in particular, but whatever calling plan a user has, or none."""

MOST_SCENARIOS: Final = 3
"""Scenarios of a question that is asked over the API."""

MOST_SWAPS: Final = 20
MOST_CAPS: Final = 100
MOST_USERS: Final = 5_000
"""Users that one swap may name."""


class Swap(msgspec.Struct, frozen=True):
    """Whoever holds `plan` gets `becomes` in its place; `plan` EVERYBODY: every user; `becomes` "": none.

    `country` and `users` (ids or UPNs) say which users alone; then service numbers keep what they hold.
    """

    plan: str
    becomes: str
    country: str = ""
    users: tuple[str, ...] = ()

    @property
    def for_some(self) -> bool:
        """Whether it is for some of the users only."""
        return bool(self.country or self.users)


class UserPlans(msgspec.Struct, frozen=True):
    """A user, by id or UPN, who holds exactly these plans."""

    user: str
    plans: tuple[str, ...]


class Bought(msgspec.Struct, frozen=True):
    """So many licences of a plan bought in all, held or not."""

    plan: str
    purchased: int


class Rule(msgspec.Struct, frozen=True):
    """Auto-recharge as it is tried: off, or adding `add` where the balance falls below `below` (micros).

    `cap_per_month`: the most that it pays a month in micros, None for the tenant's own cap; `uncapped`: none.
    """

    enabled: bool
    below: int = 0
    add: int = 0
    cap_per_month: int | None = None
    uncapped: bool = False


class TriedCap(msgspec.Struct, frozen=True):
    """A spend cap of a month in micros in place of the tenant's own; `amount` None: no cap.

    `scope` as in a tenant file; `id` "" of users or cost centres: each of them.
    """

    scope: str
    id: str = ""
    amount: int | None = None


class Scenario(msgspec.Struct, frozen=True, kw_only=True):
    """What is tried. `users` get their plans after the swaps of `plans`, and `licences` count after both.

    `balance`: micros at the first call, None for the balance of now. `deck`: the version of a stored deck, or
    what a scenario file names; "" for the one in force. `treat_as`: as `talktime rate --treat-as`.
    """

    name: str
    plans: tuple[Swap, ...] = ()
    recharge: Rule | None = None
    balance: int | None = None
    deck: str = ""
    agreement: str = ""
    treat_as: str = ""
    caps: tuple[TriedCap, ...] = ()
    users: tuple[UserPlans, ...] = ()
    licences: tuple[Bought, ...] = ()


TODAY: Final = Scenario(name="Today's settings")
