"""One leg of a call as a row: who calls whom, what the vendor would have written about it.

The vendor's Charge is a plausible text, made of integers; Talktime compares it and never uses it. A leg is
marked as paid where no pool of the caller's plan reaches the destination.
"""

from random import Random
from typing import Final

from talktime.accounts.tenant import Tenant
from talktime.catalog.model import PREMIUM_NORMAL, Catalogue
from talktime.core.limits import MICROS_PER_UNIT, US_PER_S
from talktime.demo.people import Side, reach_of
from talktime.demo.row import UsageRow
from talktime.demo.traffic import OTHER, Kind, Range, Traffic

INBOUND: Final = "inbound"

_NOTHING: Final = "0"
_CENTS_OF_A_CENT: Final = MICROS_PER_UNIT // 10_000


class LegMaker:
    """Makes rows of one tenant; all chance comes from `rng`."""

    def __init__(self, tenant: Tenant, catalogue: Catalogue, traffic: Traffic, rng: Random) -> None:
        self._catalogue = catalogue
        self._traffic = traffic
        self._rng = rng
        self._currency = tenant.currency
        self._country = tenant.country
        self._names = _country_names(traffic)
        self._inbound: dict[str, bool] = {}
        self._ranges = {
            kind.name: reach_of((traffic.ranges[name], 1) for name in kind.ranges)
            for kind in traffic.kinds
            if kind.ranges
        }
        self._terms: dict[tuple[str, str, str], tuple[bool, bool]] = {}

    def leg(
        self,
        kind: Kind,
        side: Side,
        start_us: int,
        duration_s: int,
        *,
        call_id: str = "",
        conference_id: str = "",
        via: Side | None = None,
    ) -> UsageRow:
        """A row of `side`; `via` is the bridge's number that carries it."""
        traffic = self._traffic
        line = via or side
        inbound = self._is_inbound(kind.call_type)
        found, other = self._other(kind, side)
        plan = side.plan(kind.plan, start_us)
        domestic, reached = self._reached(plan, side.location, found)
        price_micros, fee_micros = _price(kind, line, inbound, None if reached else found)
        paid = bool(price_micros and duration_s)
        usage_id, own_call_id = make_ids(self._rng)
        if side.hidden_digits and other.startswith("+"):
            other = other[: -side.hidden_digits] + "*" * side.hidden_digits
        return UsageRow(
            usage_id=usage_id,
            call_id=call_id or own_call_id,
            conference_id=conference_id,
            location=side.location,
            user_id=side.user_id,
            upn=side.upn,
            user_name=side.name,
            caller=other if inbound else line.number,
            call_type=kind.call_type,
            direction="Inbound" if inbound else "Outbound",
            number_type=line.number_type,
            scope="" if inbound else kind.scope or ("Domestic" if domestic else "International"),
            destination=self._names.get(line.location, "") if inbound else found.name if found else "",
            callee=line.number if inbound else other,
            country=found.country if found else "",
            start_us=start_us,
            end_us=start_us + (duration_s + kind.late_end_s) * US_PER_S,
            duration_s=duration_s,
            connection_fee=_decimal(fee_micros) if paid and fee_micros else _NOTHING,
            charge=_charge(price_micros, fee_micros, duration_s) if paid else _NOTHING,
            currency=self._currency,
            capability=kind.capability or (traffic.paid_capability if paid else plan),
            operator=kind.operator or traffic.operator,
            duration_source=kind.duration_source or traffic.duration_source,
            administrative_units=side.unit,
            tenant_country=self._country,
        )

    def _is_inbound(self, call_type: str) -> bool:
        if call_type not in self._inbound:
            self._inbound[call_type] = self._catalogue.direction(call_type.lower()) == INBOUND
        return self._inbound[call_type]

    def _other(self, kind: Kind, side: Side) -> tuple[Range | None, str]:
        """The other party: where it is, and its number or what stands instead."""
        if kind.texts is not None:
            return None, self._rng.choice(kind.texts.get(side.location, kind.texts[OTHER]))
        if kind.ranges:
            return self._ranges[kind.name].draw(self._rng)
        is_abroad = kind.abroad and self._rng.random() < kind.abroad
        return (side.abroad if is_abroad else side.home).draw(self._rng)

    def _reached(self, plan: str, location: str, found: Range | None) -> tuple[bool, bool]:
        """Whether a destination is domestic, and whether a pool of the plan may serve it."""
        if found is None:
            return True, True
        key = (plan, location, found.name)
        if key not in self._terms:
            domestic = self._catalogue.is_domestic(location, found.country)
            pools = self._catalogue.plans[plan].pools if plan else ()
            reached = any(self._catalogue.reaches(pool, domestic, found.country) for pool in pools)
            self._terms[key] = domestic, reached and not self._is_premium(found)
        return self._terms[key]

    def _is_premium(self, found: Range) -> bool:
        """Whether no pool serves the range at all (domain.md 3)."""
        fixed, _ = found.stems[0]
        return self._catalogue.premium_state(fixed.removeprefix("+")) != PREMIUM_NORMAL


def _price(kind: Kind, line: Side, inbound: bool, paid_range: Range | None) -> tuple[int, int]:
    """The vendor's (price a minute, fee) in micros; zeros where nothing is paid."""
    if kind.capability or kind.operator:
        return 0, 0
    if inbound:
        return line.toll_free_micros, 0
    return (paid_range.price_micros, paid_range.fee_micros) if paid_range else (0, 0)


def _charge(price_micros: int, fee_micros: int, duration_s: int) -> str:
    """What a call costs, as text; a started minute is a whole one."""
    minutes = -(-duration_s // 60)  # rounded up
    return _decimal(minutes * price_micros + fee_micros)


def make_ids(rng: Random) -> tuple[str, str]:
    """Two random identifiers in the form of UUIDs of version 4."""
    digits = rng.randbytes(30).hex()
    return (
        f"{digits[:8]}-{digits[8:12]}-4{digits[12:15]}-a{digits[15:18]}-{digits[18:30]}",
        f"{digits[30:38]}-{digits[38:42]}-4{digits[42:45]}-a{digits[45:48]}-{digits[48:]}",
    )


def _decimal(micros: int) -> str:
    """Micros -> decimal text with 4 places; the prices of traffic.toml have no more, what is finer is cut."""
    return f"{micros // MICROS_PER_UNIT}.{micros % MICROS_PER_UNIT // _CENTS_OF_A_CENT:04}"


def _country_names(traffic: Traffic) -> dict[str, str]:
    """The name of each country: that of its first range."""
    names: dict[str, str] = {}
    for each in traffic.ranges.values():
        names.setdefault(each.country, each.name)
    return names
