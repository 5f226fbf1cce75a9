"""Facts of an event as people and programs read them: money with its currency, instants in a zone, names.

The outbox holds integers. For people they become words; for webhooks decimal strings and ISO 8601, as
everywhere at the edge (rulings.md 32).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import msgspec

from talktime.accounts.calendar import month_name, to_utc, zone
from talktime.catalog.declines import load_declines
from talktime.core.limits import NEVER_US
from talktime.core.modes import Mode
from talktime.core.money import format_money
from talktime.notices.paying import paying_facts

if TYPE_CHECKING:
    from talktime.accounts.tenant import Tenant
    from talktime.catalog.model import Catalogue
    from talktime.notices.texts import Texts

MONTHS: Final = (
    "January February March April May June July August September October November December"
).split()
_NUMBERS: Final = tuple(f"{number:02}" for number in range(1, 13))
UNKNOWN: Final = "(not stated)"

_US: Final = "_us"
_POOL: Final = "pool:"
_CAP: Final = "cap:"
_HOURS_FROM: Final = 100_000

_facts: Final = msgspec.json.Decoder(dict[str, object])


class Shown(dict[str, str]):
    """Facts as words. A fact that is not there is said to be missing: a notice with a gap beats none."""

    def __missing__(self, key: str) -> str:
        return UNKNOWN


@dataclass(frozen=True, slots=True)
class Wording:
    """What facts are worded with."""

    texts: Texts
    catalogue: Catalogue

    def shown(self, tenant: Tenant, body: str) -> Shown:
        """The facts of an outbox row as words; of `expires_us` they stand under `expires`."""
        facts = read_facts(body)
        shown = Shown(tenant=tenant.name or tenant.id, tenant_id=tenant.id)
        for name, value in facts.items():
            shown[name.removesuffix(_US)] = self._words(tenant, name, value, str(facts.get("currency", "")))
        return shown

    def choosing(self, tenant: Tenant, at_us: int, body: str) -> dict[str, str]:
        """What a text is chosen by: plain facts and modes as ids, and what follows from the tenant.

        `funds` left or none, `next_try` yes or no, and those of `paying_facts`.
        """
        facts, kinds = read_facts(body), self.texts.kinds
        plain = {name: str(value) for name, value in facts.items() if name not in kinds}
        modes = {name: _mode_id(value) for name, value in facts.items() if kinds.get(name) == "mode"}
        return {
            **plain,
            **modes,
            **paying_facts(tenant, self.catalogue, at_us),
            "funds": "left" if whole(facts, "available") > 0 else "none",
            "next_try": "yes" if whole(facts, "next_try_us") else "no",
        }

    def _words(self, tenant: Tenant, name: str, value: int | str | None, currency: str) -> str:
        kind = self.texts.kinds.get(name, "")
        if value is None:
            return UNKNOWN
        if kind == "mode":
            return self.texts.modes.get(_mode_id(value), _mode_id(value))
        if isinstance(value, int):
            return _number(kind, value, currency, tenant.time_zone)
        if kind == "method":
            return method_words(tenant, value)
        say: dict[str, Callable[[str], str]] = {
            "pool": self._pool,
            "counter": counter_words,
            "code": self._code,
            "month": month_words,
        }
        return say.get(kind, str)(value) or UNKNOWN

    def _code(self, code: str) -> str:
        """What the code of a decline, or of a pause, means: a sentence."""
        known = load_declines()
        return self.texts.codes.get(code) or known.by_code.get(code.lower(), known.unknown).means

    def _pool(self, counter: str) -> str:
        """`pool:PLAN/kind/owner` -> the plan's name, which minutes, whose."""
        parts = counter.removeprefix(_POOL).split("/", 2)
        plan = self.catalogue.plans.get(parts[0])
        words = plan.name if plan is not None else parts[0]
        which = ", ".join(part for part in parts[1:] if part)
        return f"{words} ({which})" if which else words

    def data(self, tenant: Tenant, body: str) -> dict[str, object]:
        """The facts as a webhook carries them: money as decimal strings, instants as ISO 8601 UTC."""
        data: dict[str, object] = {"tenant": tenant.id}
        for name, value in read_facts(body).items():
            kind = self.texts.kinds.get(name, "")
            if isinstance(value, int) and kind == "money":
                data[name] = format_money(value)
            elif isinstance(value, int) and kind == "instant":
                data[name.removesuffix(_US) + "_at"] = iso(value) if 0 < value < NEVER_US else None
            elif isinstance(value, int) and kind == "month":
                data[name] = month_name(value) if value < _HOURS_FROM else value
            elif kind == "mode":
                data[name] = _mode_id(value)
            else:
                data[name] = value
        return data


def read_facts(body: str) -> dict[str, int | str | None]:
    """The body of an outbox row; a fact of another shape becomes text. Raises msgspec.DecodeError."""
    return {name: _plain(value) for name, value in _facts.decode(body).items()}


def _plain(value: object) -> int | str | None:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None or isinstance(value, int | str):
        return value
    return msgspec.json.encode(value).decode()


def whole(facts: Mapping[str, int | str | None], name: str) -> int:
    """A fact that is an integer; 0 where it is absent."""
    value = facts.get(name)
    return value if isinstance(value, int) else 0


def _number(kind: str, value: int, currency: str, time_zone: str) -> str:
    match kind:
        case "money":
            return f"{format_money(value)} {currency}".rstrip()
        case "instant":
            return instant_words(value, time_zone) if 0 < value < NEVER_US else UNKNOWN
        case "month":
            return month_words(month_name(value)) if value < _HOURS_FROM else "this hour"
        case _:
            return str(value)


def month_words(month: str) -> str:
    """`2026-11` -> `November 2026`; anything else as it stands."""
    year, _, number = month.partition("-")
    if year.isdigit() and number in _NUMBERS:
        return f"{MONTHS[int(number) - 1]} {year}"
    return month or UNKNOWN


def _mode_id(value: int | str | None) -> str:
    if isinstance(value, int):
        return Mode(value).name.lower() if 0 <= value < len(Mode) else str(value)
    return (value or "").lower()


def instant_words(at_us: int, time_zone: str) -> str:
    """`22 November 2026, 14:05 (Europe/London)`: local time, and which zone that is."""
    local = to_utc(at_us).astimezone(zone(time_zone))
    return f"{local.day} {MONTHS[local.month - 1]} {local.year}, {local:%H:%M} ({time_zone})"


def iso(at_us: int) -> str:
    """ISO 8601 in UTC, with as many decimals as it has."""
    return to_utc(at_us).isoformat().replace("+00:00", "Z")


def method_words(tenant: Tenant, method: str) -> str:
    """A payment method by its id as people know it; anything else as it stands."""
    for known in tenant.payment_methods:
        if known.id == method:
            return f"{known.brand.capitalize()} ending in {known.last4}"
    return method or "the payment method on file"


def counter_words(counter: str) -> str:
    """`cap:user/ana@...` -> whom a cap holds."""
    scope, _, name = counter.removeprefix(_CAP).partition("/")
    if scope == "tenant":
        return "the whole organisation"
    return f"the {scope.replace('_', ' ')} {name}"
