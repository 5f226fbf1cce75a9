"""Charged calls as rows of usage, shaped like a vendor's call log, for people and for exports.

The first fields are those of Microsoft Graph's `pstnCallLogRow`, then come ours (domain.md 12). Digits of the
other party are hidden as the organisation's country asks; who may see no names gets pseudonyms.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

import msgspec

from talktime.core.limits import US_PER_S
from talktime.core.money import NANOS_PLACES, format_decimal, format_money
from talktime.core.numbers import parse_number
from talktime.files.instants import format_instant

if TYPE_CHECKING:
    from talktime.accounts.tenant import ServiceNumber, Tenant, User
    from talktime.catalog.model import Catalogue
    from talktime.catalog.side_model import Masking
    from talktime.ledger.records import ChargeBody, Facts
    from talktime.ledger.usage_reading import UsedCall

INBOUND: Final = "inbound"
SHOWN_DIGITS: Final = 7
"""A number with no more digits is a short code, which is nobody's: it is never masked."""

DURATION_SOURCE: Final = "operator"
"""Who measured a duration, in Graph's words: the switch, not the vendor."""

NUMBER_TYPES: Final = {"toll_free": "Service Toll Free", "toll": "Service Toll"}
"""Our kinds of service numbers -> what the vendor's rows call them."""

PSEUDONYM: Final = re.compile(r"user-[0-9a-f]{16}")
"""What stands for a user in rows without names."""

USER_NUMBER: Final = "Subscriber"
DOMESTIC, INTERNATIONAL = "Domestic", "International"


class CallRow(msgspec.Struct, frozen=True, gc=False):
    """A charged call. Texts are "" where there is nothing to say.

    `charge`, `connection_charge`, `balance_after` and `price_per_minute` are decimal strings of the currency;
    instants are ISO 8601 in UTC; seconds are integers; `corrected`: a later charge replaced the first one.
    """

    id: str
    call_id: str
    user_id: str
    user_principal_name: str
    user_display_name: str
    start_date_time: str
    end_date_time: str
    duration: int
    charge: str
    call_type: str
    currency: str
    callee_number: str
    usage_country_code: str
    tenant_country_code: str
    connection_charge: str
    caller_number: str
    destination_context: str
    destination_name: str
    conference_id: str
    license_capability: str
    inventory_type: str
    operator: str
    call_duration_source: str
    other_party_country_code: str
    administrative_units: str
    category: str
    direction: str
    billed_seconds: int
    pool_seconds: int
    paid_seconds: int
    price_per_minute: str
    prefix: str
    deck: str
    funding: str
    balance_after: str
    flags: tuple[str, ...]
    corrected: bool


@dataclass(frozen=True, slots=True)
class Pseudonyms:
    """One word a user, the same in every report of an installation, that nobody else can work out.

    `secret`: of this installation; without it the word of a known user could be guessed.
    """

    secret: bytes

    def of(self, tenant: str, user: str) -> str:
        """`user-` and 16 hexadecimal digits; `user` is its key in any letter case."""
        told = f"{tenant}\0{user.lower()}".encode()
        return f"user-{hmac.new(self.secret, told, hashlib.sha256).hexdigest()[:16]}"


class UsageRows:
    """Makes the rows of one tenant. `pseudonyms` None: with names."""

    def __init__(
        self,
        tenant: Tenant,
        catalogue: Catalogue,
        masking: Masking,
        pseudonyms: Pseudonyms | None = None,
    ) -> None:
        self.tenant = tenant
        self._catalogue = catalogue
        self._hidden = masking.hidden(tenant.country)
        self._pseudonyms = pseudonyms
        self._users: dict[str, User] = {}
        for user in tenant.users:
            self._users.setdefault(user.upn.lower(), user)
        self._users |= {user.id.lower(): user for user in tenant.users if user.id}
        self._services = {known.number: known for known in tenant.service_numbers}
        self._countries: dict[str, str] = {}
        self._directions: dict[str, str] = {}

    @cached_property
    def _own(self) -> frozenset[str]:
        numbers = {parse_number(number, None).text for user in self.tenant.users for number in user.numbers}
        return frozenset(numbers | set(self._services))

    def user(self, word: str) -> User | None:
        """The user whom a call names by id or UPN; None where the tenant has none of this name."""
        return self._users.get(word.lower())

    def may_ask_for(self, word: str) -> bool:
        """Whether calls may be asked for by this word: without names, by words of the rows alone.

        Otherwise whoever knows a name would learn which of the words stands for it.
        """
        if self._pseudonyms is None:
            return True
        return word in self._services or PSEUDONYM.fullmatch(word) is not None

    def names_of(self, word: str, strangers: Iterable[str] = ()) -> tuple[str, ...]:
        """All names, in lower case, under which the calls of somebody may stand.

        Without names `word` is one of the rows'; () where it stands for no user of the tenant and for none of
        `strangers`, names of calls whose users the tenant does not have any more.
        """
        if self._pseudonyms is None:
            return self._all_names(word)
        if word in self._services:
            return (word,)
        words = {_key(user.upn, user) for user in self.tenant.users} | set(strangers)
        found = (self._all_names(known) for known in words if self.shown_user(known) == word)
        return tuple(sorted({name for names in found for name in names}))

    def _all_names(self, word: str) -> tuple[str, ...]:
        user = self.user(word)
        known = (word,) if user is None else (user.id, user.upn)
        return tuple(sorted({name.lower() for name in known if name}))

    def shown_user(self, word: str) -> str:
        """How a report without names or with them calls a user: UPN, else what the call says."""
        if not word:
            return ""
        user = self.user(word)
        if self._pseudonyms is not None:
            return self._pseudonyms.of(self.tenant.id, _key(word, user))
        return word if user is None else user.upn or user.id

    @property
    def has_names(self) -> bool:
        """Whether users are called by their names."""
        return self._pseudonyms is None

    def shown_number(self, number: str) -> str:
        """A number with its digits hidden as rows hide those of the other party."""
        return self._other(number)

    def service(self, number: str) -> ServiceNumber | None:
        """A service number of the tenant."""
        return self._services.get(number)

    def country(self, number: str) -> str:
        """The ISO country of a number by the catalogue's table; "" for short codes and names."""
        found = self._countries.get(number)
        if found is None:
            if len(self._countries) > 100_000:
                self._countries.clear()
            found = self._countries[number] = country_of(self._catalogue, number)
        return found

    def row(self, call: UsedCall) -> CallRow:
        """A charge with its body as a row."""
        charge, body = call.charge, call.body
        facts = body.facts
        user = self.user(facts.user)
        direction = self._direction(facts.call_type)
        caller, callee = self._numbers(facts, direction)
        location = (user.location if user is not None else "") or self.tenant.country
        user_id, upn, name = self._names(facts.user, user)
        duration_s = body.charged_s or body.duration_s
        start_us = charge.start_us
        return CallRow(
            id=charge.call_id if body.origin is None else body.origin.identity,
            call_id=charge.call_id,
            user_id=user_id,
            user_principal_name=upn,
            user_display_name=name,
            start_date_time=format_instant(start_us),
            end_date_time=format_instant(start_us + duration_s * US_PER_S),
            duration=duration_s,
            charge=format_money(charge.amount),
            call_type=facts.call_type,
            currency=self.tenant.currency,
            callee_number=callee,
            usage_country_code=location,
            tenant_country_code=self.tenant.country,
            connection_charge=format_money(facts.rate[5] if facts.rated and charge.paid_s else 0),
            caller_number=caller,
            destination_context=self._context(facts, location, direction),
            destination_name="",
            conference_id="",
            license_capability=_plan(body),
            inventory_type=self._number_type(facts),
            operator="",
            call_duration_source=DURATION_SOURCE,
            other_party_country_code=self.country(facts.caller if direction == INBOUND else facts.callee),
            administrative_units="",
            category=charge.category,
            direction=direction,
            billed_seconds=charge.billed_s,
            pool_seconds=charge.pool_s,
            paid_seconds=charge.paid_s,
            price_per_minute=format_decimal(facts.rate[4], NANOS_PLACES) if facts.rated else "",
            prefix=facts.prefix,
            deck=facts.deck,
            funding=funding_words(call),
            balance_after=format_money(body.balance),
            flags=body.flags,
            corrected=charge.corrects != 0,
        )

    def parties(self, facts: Facts) -> tuple[str, str]:
        """(caller, callee) of a call as its row has them; "" for one that the call does not name."""
        caller, callee = self._numbers(facts, self._direction(facts.call_type))
        return caller if facts.caller else "", callee if facts.callee else ""

    def _direction(self, call_type: str) -> str:
        if call_type not in self._directions:
            self._directions[call_type] = self._catalogue.direction(call_type)
        return self._directions[call_type]

    def _names(self, word: str, user: User | None) -> tuple[str, str, str]:
        """(id, UPN, display name); of who may see no names (pseudonym, "", "")."""
        if not word:
            return "", "", ""
        if self._pseudonyms is not None:
            return self._pseudonyms.of(self.tenant.id, _key(word, user)), "", ""
        if user is not None:
            return user.id, user.upn, user.name
        return ("", word, "") if "@" in word else (word, "", "")

    def _numbers(self, facts: Facts, direction: str) -> tuple[str, str]:
        """(caller, callee): the other party's masked, the own one as it is, or left out without names."""
        if direction == INBOUND:
            return self._other(facts.caller), self._ours(facts.callee, facts)
        return self._ours(facts.caller, facts), self._other(facts.callee)

    def _ours(self, number: str, facts: Facts) -> str:
        if self._pseudonyms is not None and number not in self._services:
            return ""  # a number of one's own is as good as a name
        return number or facts.service

    def _other(self, number: str) -> str:
        if number in self._services or (self._pseudonyms is None and not self._hidden):
            return number
        if number in self._own:
            return number if self._pseudonyms is None else masked(number, max(self._hidden, 4))
        return masked(number, self._hidden)

    def _context(self, facts: Facts, location: str, direction: str) -> str:
        country = self.country(facts.callee)
        if direction == INBOUND or not country:
            return ""
        return DOMESTIC if self._catalogue.is_domestic(location, country) else INTERNATIONAL

    def _number_type(self, facts: Facts) -> str:
        """What kind of number of ours the call went over."""
        if not facts.service:
            return USER_NUMBER
        known = self._services.get(facts.service)
        kind = known.kind if known is not None else facts.asked[0] if facts.asked else ""
        return NUMBER_TYPES.get(kind, "")


def country_of(catalogue: Catalogue, number: str) -> str:
    """The ISO country of a number by the catalogue's table; "" for short codes and names."""
    return catalogue.number(parse_number(number, None).digits).country


def masked(number: str, hidden: int) -> str:
    """A number without its last `hidden` digits; short codes and names stay (domain.md 15)."""
    digits = sum(sign.isdigit() or sign == "*" for sign in number)
    if not hidden or digits <= SHOWN_DIGITS:
        return number
    return number[:-hidden] + "*" * hidden


def funding_words(call: UsedCall) -> str:
    """Who paid, in the order of paying: free, pool, credits, post_usage, overdraft, joined by +."""
    charge = call.charge
    paid: Mapping[str, int] = {
        "pool": charge.pool_s,
        "credits": charge.credits,
        "post_usage": charge.post_usage,
        "overdraft": charge.overdraft,
    }
    return "+".join(name for name, amount in paid.items() if amount) or "free"


def _plan(body: ChargeBody) -> str:
    """The plan whose minutes the call used: `pool:PLAN/kind/owner` is a pool's name."""
    return body.pools[0][0].removeprefix("pool:").partition("/")[0] if body.pools else ""


def _key(word: str, user: User | None) -> str:
    return word if user is None else user.id or user.upn
