"""Whose call it is and what it is: rules over a credit-control request, in order, the first that fits counts.

One table gives tenant and user from realm and Subscription-Id, another the call type from the node's role and
the two numbers. Both are found by index, so thousands of rules cost what one costs.
"""

from __future__ import annotations

from functools import lru_cache, partial
from typing import TYPE_CHECKING, Final, NamedTuple

from talktime.catalog.model import Facts
from talktime.catalog.ro import CALLED, EMERGENCY, ROLES, CallRule
from talktime.core.numbers import parse_number
from talktime.doors.diameter.parties import E164, NOBODY, Party, read_party
from talktime.doors.diameter.patterns import NOWHERE, Pattern, PatternIndex, first_position, read_pattern

if TYPE_CHECKING:
    from collections.abc import Sequence

    from talktime.catalog.model import Catalogue
    from talktime.catalog.ro import RoData
    from talktime.core.numbers import Dialling

ANY: Final = "*"
"""Any realm."""

SUBSCRIPTION: Final = "subscription"
CALLING: Final = "calling"
WORDS: Final = (SUBSCRIPTION, CALLING)
"""What `user` of a rule may say besides one fixed user."""

NO_RULE: Final = "no rule of [[identities]] fits"
"""What operators read where nobody knows whose call it is."""

_PREFERRED: Final = {E164: 0, 2: 1, 3: 2, 4: 3}
"""Subscription-Id-Types by how well they name a person: E.164, SIP URI, NAI, private; last the IMSI."""

_REMEMBERED: Final = 4096
_LONGEST_REMEMBERED: Final = 1000


class Asked(NamedTuple):
    """What a request says of itself: realms, Service-Context-Id, Subscription-Ids as (type, data).

    `calling` and `called` are the addresses of IMS-Information as they stand; `role` is Role-Of-Node.
    """

    origin_realm: str
    destination_realm: str
    context: str
    subscriptions: tuple[tuple[int, str], ...]
    calling: str
    called: str
    role: int | None


class Understood(NamedTuple):
    """What `live.operations.StartCall` needs. Texts are empty where there is nothing; `why` names the rules.

    `tenant` is empty for an emergency call of somebody whom no rule knows: it is let through all the same.
    """

    tenant: str
    user: str
    service_number: str
    call_type: str
    caller: str
    callee: str
    why: tuple[str, ...]


class IdentityRule(NamedTuple):
    """One of [[identities]]: `realm` in lower case or "*", `subscription` a pattern, whom they name.

    `user` is one of WORDS or one user; `country` is where national and emergency numbers are dialled.
    """

    realm: str
    subscription: str
    tenant: str
    user: str
    country: str = ""


class Identities:
    """All rules: `rules` name tenant and user, `calls` the call type, `own_calls` those of an operator.

    Raises ValueError for a pattern that is none; the settings have checked them by then.
    """

    def __init__(
        self,
        rules: Sequence[IdentityRule],
        own_calls: Sequence[CallRule],
        shipped: RoData,
        catalogue: Catalogue,
    ) -> None:
        self.rules = tuple(rules)
        self.own_calls = tuple(own_calls)
        self.calls = (*shipped.first, *own_calls, *shipped.last)
        self._own_from = len(shipped.first)
        self._emergencies = shipped.emergencies
        self._catalogue = catalogue
        self._abroad = _by_calling_code(catalogue)
        self._by_realm = _by_realm(self.rules)
        self._by_called = _by_called(self.calls)
        self._emergency = [at for at, rule in enumerate(self.calls) if EMERGENCY in rule.called]
        self._callers = [tuple(read_pattern(text) for text in rule.calling) for rule in self.calls]
        self._urgent = [_is_never_refused(catalogue, rule.call_type) for rule in self.calls]
        self._why_identity = [rule_words(rule, at) for at, rule in enumerate(self.rules)]
        self._why_call = [self._call_why(at) for at in range(len(self.calls))]
        self._remembered = lru_cache(_REMEMBERED)(self._understand)

    def understand(self, asked: Asked) -> Understood | None:
        """What the request is; None where no rule names a tenant, unless it may never be refused.

        Its other messages say the same of a call, so answers are remembered.
        """
        told = (asked.origin_realm, asked.destination_realm, asked.context, asked.calling, asked.called)
        length = sum(map(len, told)) + sum([len(data) for _, data in asked.subscriptions])
        return self._remembered(asked) if length <= _LONGEST_REMEMBERED else self._understand(asked)

    def is_own(self, at: int) -> bool:
        """Whether the rule of `calls` at a position is the operator's; the others are shipped."""
        return 0 <= at - self._own_from < len(self.own_calls)

    def _understand(self, asked: Asked) -> Understood | None:
        at, person = self._identity(asked, self._people(asked))
        rule = None if at == NOWHERE else self.rules[at]
        anywhere = self._party(asked.calling, "")
        country = self._country(rule, person, anywhere)
        # A caller whose number says its country is the same one wherever it is dialled.
        is_told = anywhere.number and anywhere.number == anywhere.dialled
        calling = anywhere if is_told else self._party(asked.calling, country)
        called = self._party(asked.called, country)
        call_at = self._call(asked, calling, called, country)
        call = self.calls[call_at]
        if rule is None and not self._urgent[call_at]:
            return None
        service = {CALLED: called, CALLING: calling}.get(call.service_number, NOBODY)
        has_user = not call.service_number or call.keeps_user
        return Understood(
            tenant="" if rule is None else rule.tenant,
            user=_user(rule, self._at_home(person, country), calling) if has_user else "",
            service_number=service.number or service.dialled,
            call_type=call.call_type,
            caller=calling.dialled,
            callee=called.dialled,
            why=(NO_RULE if rule is None else self._why_identity[at], self._why_call[call_at]),
        )

    def _people(self, asked: Asked) -> list[Party]:
        """Whom the Subscription-Ids name, those first that name people best."""
        ordered = sorted(asked.subscriptions, key=lambda one: _PREFERRED.get(one[0], len(_PREFERRED)))
        return [read_party(data, None, self._abroad, international=kind == E164) for kind, data in ordered]

    def _identity(self, asked: Asked, people: Sequence[Party]) -> tuple[int, Party]:
        """The position of the first rule that fits and can name a user, and whom it is about."""
        realms = {asked.origin_realm.lower(), asked.destination_realm.lower(), ANY}
        indexes = [self._by_realm[realm] for realm in realms if realm in self._by_realm]
        best, found = NOWHERE, NOBODY
        for person in people or (NOBODY,):
            forms = person.forms if person.text else ()
            lists = (each for index in indexes for each in index.lists(forms))
            at = first_position(lists, partial(self._names, person, asked.calling))
            if at < best:
                best, found = at, person
        return best, found

    def _names(self, person: Party, calling: str, at: int) -> bool:
        """Whether a rule can say who the user is: a request may lack what it goes by."""
        user = self.rules[at].user
        return bool(person.text) if user == SUBSCRIPTION else bool(calling) if user == CALLING else True

    def _call(self, asked: Asked, calling: Party, called: Party, country: str) -> int:
        def fits(at: int) -> bool:
            rule = self.calls[at]
            if rule.role and ROLES[rule.role] != asked.role:
                return False
            if not context.endswith(rule.context):
                return False
            callers = self._callers[at]
            return not callers or any(pattern.fits(calling.forms) for pattern in callers)

        context = asked.context.lower()
        is_emergency = self._emergencies.is_one(called.dialled, country)
        lists = [*self._by_called.lists(called.forms), *([self._emergency] if is_emergency else ())]
        return first_position(lists, fits)

    def _party(self, address: str, country: str) -> Party:
        if not address:
            return NOBODY
        return read_party(address, self._catalogue.dialling.get(country), self._abroad)

    def _at_home(self, person: Party, country: str) -> Party:
        """A person whose number was written as it is dialled in the country, with the number."""
        dialling = self._catalogue.dialling.get(country)
        if person.number or dialling is None:
            return person
        read = parse_number(person.dialled, dialling)
        return person._replace(number=f"+{read.digits}") if read.digits and not read.hidden else person

    def _country(self, rule: IdentityRule | None, person: Party, calling: Party) -> str:
        """Where the call is dialled: as the rule says, else where the number of the caller is."""
        if rule is not None and rule.country:
            return rule.country
        number = person.number or calling.number
        return self._catalogue.number(number[1:]).country if number else ""

    def _call_why(self, at: int) -> str:
        rule = self.calls[at]
        where = f"calls[{at - self._own_from + 1}]" if self.is_own(at) else "shipped rule"
        return f"{where}: {rule.why or call_words(rule)} -> {rule.call_type}"


def rule_words(rule: IdentityRule, at: int) -> str:
    """A rule of [[identities]] in a line; `at` is its position from 0."""
    return (
        f"identities[{at + 1}]: realm {rule.realm}, subscription {rule.subscription} -> tenant {rule.tenant}"
    )


def call_words(rule: CallRule) -> str:
    """What a rule of [[calls]] asks for, in a line."""
    asks = [("role", rule.role), ("context", rule.context)]
    asks += [("called", ", ".join(rule.called)), ("calling", ", ".join(rule.calling))]
    return ", ".join(f"{key} {value}" for key, value in asks if value) or "every call"


def _user(rule: IdentityRule | None, person: Party, calling: Party) -> str:
    if rule is None:
        return person.name or calling.name
    if rule.user == SUBSCRIPTION:
        return person.name
    return calling.name if rule.user == CALLING else rule.user


def _by_realm(rules: Sequence[IdentityRule]) -> dict[str, PatternIndex]:
    patterns: dict[str, list[tuple[int, Pattern]]] = {}
    for at, rule in enumerate(rules):
        patterns.setdefault(rule.realm, []).append((at, read_pattern(rule.subscription)))
    return {realm: PatternIndex(of_realm) for realm, of_realm in patterns.items()}


def _by_calling_code(catalogue: Catalogue) -> dict[str, Dialling]:
    """How numbers are dialled behind a calling code: as in the country that its numbers are in by default."""
    codes = {one.calling_code for one in catalogue.dialling.values()}
    homes = {code: catalogue.dialling.get(catalogue.number(code).country) for code in codes}
    return {code: dialling for code, dialling in homes.items() if dialling is not None}


def _by_called(rules: Sequence[CallRule]) -> PatternIndex:
    called = ((at, text) for at, rule in enumerate(rules) for text in rule.called or (ANY,))
    return PatternIndex((at, read_pattern(text)) for at, text in called if text != EMERGENCY)


def _is_never_refused(catalogue: Catalogue, call_type: str) -> bool:
    """Whether calls of this type go through whoever asks (rulings.md 24)."""
    rule = catalogue.rule_of(Facts(call_type, "", False, False, "", frozenset()))
    return catalogue.categories[catalogue.rules[rule].category].never_refused
