"""The best plans as What if can try them: whoever holds a plan, in a country or anywhere, gets another.

What if names no users, so the best plans are offered to it only where swaps of whole plans say all of them:
every holder of a plan gets the same, and nothing else changes. Addresses carry them as PLAN.BECOMES.COUNTRY.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from talktime.client.management.answers_plan import PlanMix, PlanMixChange

MOST: Final = 20
"""Swaps that one scenario may have."""

Plans = tuple[str, ...]


class Swap(NamedTuple):
    """Holders of `plan` get `becomes` ("": none); `country` "": wherever they are."""

    plan: str
    becomes: str
    country: str


def swaps_of(mix: PlanMix) -> tuple[Swap, ...]:
    """The changes of a mix as swaps, in the order of its groups; none where swaps cannot say all of them."""
    wanted = _wanted(mix.changes)
    if wanted is None:
        return ()
    found: dict[Swap, None] = {}
    for (owner, was), becomes in wanted.items():
        swap = _swap(was, becomes)
        if swap is None:
            return ()
        found.update(dict.fromkeys(Swap(*swap, country) for country in owner.split("/")))
    swaps = tuple(found)
    return swaps if len(swaps) <= MOST and _say_all(swaps, mix, wanted) else ()


def _wanted(changes: Sequence[PlanMixChange]) -> dict[tuple[str, Plans], Plans] | None:
    """(who shares the pools, what is held) -> what it becomes; None where two who hold the same differ."""
    wanted: dict[tuple[str, Plans], Plans] = {}
    for one in changes:
        is_held = bool(one.user)  # otherwise licences that nobody holds are given up
        if not is_held or wanted.setdefault((one.owner, one.was), one.becomes) != one.becomes:
            return None
    return wanted


def _swap(was: Plans, becomes: Plans) -> tuple[str, str] | None:
    """The one plan that goes and the one that comes in its place; None where that is not all."""
    goes, comes = set(was) - set(becomes), set(becomes) - set(was)
    return (goes.pop(), comes.pop() if comes else "") if len(goes) == 1 and len(comes) <= 1 else None


def _say_all(swaps: Sequence[Swap], mix: PlanMix, wanted: dict[tuple[str, Plans], Plans]) -> bool:
    """Whether the swaps, one after the other, make of what each holds what it should, and of nothing more."""
    changing = Counter((one.owner, one.was) for one in mix.changes)
    for group in mix.groups:
        for option in group.options:
            key = group.owner, option.plans
            if not option.now:
                continue
            if changing[key] not in (0, option.now):
                return False  # some of those who hold it keep it
            countries = group.owner.split("/")
            after = {_after(option.plans, swaps, country) for country in countries}
            if after != {frozenset(wanted.get(key, option.plans))}:
                return False
    return True


def _after(plans: Plans, swaps: Sequence[Swap], country: str) -> frozenset[str] | None:
    """What somebody in a country holds after the swaps; None where one hangs on a country nobody knows."""
    held = set(plans)
    for swap in swaps:
        if swap.plan not in held or (country and swap.country not in ("", country)):
            continue
        if swap.country and not country:
            return None
        held.discard(swap.plan)
        held |= {swap.becomes} if swap.becomes else set()
    return frozenset(held)


def written(swaps: Sequence[Swap]) -> str:
    """As an address carries them."""
    return ",".join(".".join(one) for one in swaps)


def read(said: str) -> tuple[Swap, ...]:
    """Swaps of an address; what is none is left out, whether plans exist says the API."""
    parts = [one.split(".") for one in said.split(",")]
    return tuple(Swap(*part) for part in parts if len(part) == len(Swap._fields) and part[0])


def swap_words(one: Swap) -> str:
    """A swap as people say it."""
    where = f" in {one.country}" if one.country else ""
    return f"{one.plan}{where} becomes {one.becomes or 'no plan'}"
