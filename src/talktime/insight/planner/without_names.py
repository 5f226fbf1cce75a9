"""A plan for eyes that may not see names: a word stands for each user, wherever it is named.

The words are those of one answer alone: whoever may bring usage could else make a file of one person's calls,
and read from the answer which word of the usage reports stands for that person.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from hashlib import sha256
from typing import TYPE_CHECKING, Final, TypeVar

import msgspec

from talktime.insight.usage_rows import Pseudonyms

if TYPE_CHECKING:
    from talktime.insight.planner.document import CallBehind, Carriers, Mix, Paid, PaidLine, Plan, Pools
    from talktime.insight.usage_rows import UsageRows

T = TypeVar("T", bound=msgspec.Struct)

USER: Final = "user"
"""The grouping whose keys are users."""

_WORD: Final = re.compile(r"[^\s,;:()\[\]\"']+")
_PUNCTUATION: Final = ".!?"


def pseudonyms_of(secret: bytes, question: str) -> Pseudonyms:
    """The words that stand for users in one answer; `secret` is the installation's."""
    return Pseudonyms(sha256(b"plan\0" + question.encode() + b"\0" + secret).digest())


def as_seen(plan: Plan, rows: UsageRows) -> Plan:
    """The plan as `rows` shows users: with names or a word for each; digits are hidden as in reports."""
    return _Seen(plan, rows).plan()


class _Seen:
    """One plan in other words."""

    def __init__(self, plan: Plan, rows: UsageRows) -> None:
        self._plan = plan
        self._rows = rows
        self._names: dict[str, str] = {}
        self._several = re.compile(r"(?!)")
        if not rows.has_names:
            self._learn()

    def plan(self) -> Plan:
        """All of it."""
        plan = self._plan
        replaced = msgspec.structs.replace(
            plan, paid=self._paid(plan.paid), carriers=_maybe(self._carriers, plan.carriers)
        )
        if self._rows.has_names:
            return replaced
        return msgspec.structs.replace(
            replaced,
            said=tuple(
                msgspec.structs.replace(one, text=self._text(one.text), users=()) for one in plan.said
            ),
            pools=self._pools(plan.pools),
            need=self._says(plan.need),
            outlook=_maybe(self._says, plan.outlook),
            buy=_maybe(self._says, plan.buy),
            mix=_maybe(self._mix, plan.mix),
        )

    def _learn(self) -> None:
        """Every name that can stand in a text, in lower case, with its word."""
        several = []
        for name, user in _names_in(self._plan, self._rows):
            if name:
                self._names[name.lower()] = self._user(user)
                if not _WORD.fullmatch(name):
                    several.append(name)
        if several:
            longest = sorted(several, key=len, reverse=True)
            self._several = re.compile("|".join(map(re.escape, longest)), re.IGNORECASE)

    def _user(self, word: str) -> str:
        """The word for whoever a call names; a service number is nobody."""
        return word if not word or self._rows.service(word) is not None else self._rows.shown_user(word)

    def _text(self, text: str) -> str:
        text = self._several.sub(lambda found: self._names[found[0].lower()], text)
        return _WORD.sub(lambda found: self._word(found[0]), text)

    def _word(self, word: str) -> str:
        bare = word.rstrip(_PUNCTUATION)
        known = self._names.get(bare.lower())
        return word if known is None else known + word[len(bare) :]

    def _says(self, part: T) -> T:
        """A part with sentences, `says`."""
        return msgspec.structs.replace(part, says=tuple(map(self._text, part.says)))  # type: ignore[attr-defined]

    def _owner(self, owner: str) -> str:
        """Whose a pool is: a user's word, a country or nobody as they are."""
        return self._names.get(owner.lower(), owner)

    def _call(self, call: CallBehind) -> CallBehind:
        return msgspec.structs.replace(call, user=self._user(call.user), to=self._rows.shown_number(call.to))

    def _line(self, line: PaidLine) -> PaidLine:
        return msgspec.structs.replace(line, dearest=tuple(map(self._call, line.dearest)))

    def _paid(self, paid: Paid) -> Paid:
        by = {name: tuple(map(self._line, lines)) for name, lines in paid.by.items()}
        if USER in by:
            by[USER] = tuple(
                line if line.others else msgspec.structs.replace(line, key=self._user(line.key))
                for line in by[USER]
            )
        vendor = paid.vendor
        if vendor is not None:
            vendor = msgspec.structs.replace(vendor, examples=tuple(map(self._call, vendor.examples)))
        return msgspec.structs.replace(paid, by=by, vendor=vendor)

    def _carriers(self, carriers: Carriers) -> Carriers:
        lines = tuple(map(self._line, carriers.by_country))
        replaced = msgspec.structs.replace(carriers, by_country=lines)
        return replaced if self._rows.has_names else self._says(replaced)

    def _pools(self, pools: Pools) -> Pools:
        shown = tuple(
            msgspec.structs.replace(
                pool,
                owner=self._owner(pool.owner),
                top=tuple((self._user(user), used_s) for user, used_s in pool.top),
            )
            for pool in pools.pools
        )
        return self._says(msgspec.structs.replace(pools, pools=shown))

    def _mix(self, mix: Mix) -> Mix:
        groups = tuple(msgspec.structs.replace(group, owner=self._owner(group.owner)) for group in mix.groups)
        changes = tuple(
            msgspec.structs.replace(
                one, user=self._user(one.user), owner=self._owner(one.owner), why=self._text(one.why)
            )
            for one in mix.changes
        )
        return self._says(msgspec.structs.replace(mix, groups=groups, changes=changes))


def _maybe(seen: Callable[[T], T], part: T | None) -> T | None:
    return None if part is None else seen(part)


def _names_in(plan: Plan, rows: UsageRows) -> Iterator[tuple[str, str]]:
    """(what a text may call somebody, the user) of the tenant's people and of those that only calls name.

    A display name of a single word is left: it may be a word of the language, such as May.
    """
    for user in rows.tenant.users:
        key = user.upn or user.id
        full = user.name if " " in user.name.strip() else ""
        for name in (user.upn, user.id, full, *user.numbers):
            yield name, key
    for said in plan.said:
        for name in said.users:
            yield name, name
    for line in plan.paid.by.get(USER, ()):
        yield line.key, line.key
    for lines in plan.paid.by.values():
        for line in lines:
            for call in line.dearest:
                yield call.user, call.user
    for pool in plan.pools.pools:
        for name, _ in pool.top:
            yield name, name
    for change in plan.mix.changes if plan.mix is not None else ():
        yield change.user, change.user
