"""Charges and sessions without what names a person: figures, split and reasons stay, names go.

What a counter of the ledger is called may name somebody too (a cap of one user, a pool of one user); a charge
and its counter are renamed alike, so that the one can still be worked out from the other (domain.md 12).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

import msgspec

from talktime.core.numbers import parse_number
from talktime.ledger.records import Charge, ChargeBody, Facts, Session

RETENTION: Final = "retention"
"""The flag of a charge that lost its names since its time had come."""

ERASED: Final = "erased"
"""The flag of a charge of a person who was erased."""

FORGOTTEN: Final = "forgotten"
"""Whose counters those of forgotten calls are."""

CountryPrefix = Callable[[str], str]
"""The digits of an international number that tell its country, and no more."""

_encode: Final = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Forgetting:
    """Who is forgotten, and what stands in the place of the names.

    `names`: ids and UPNs in lower case. `user` is what a call's user becomes, `owner` that of a counter.
    `numbers`: the person's own, `+` and digits, which go from the calls of others too.
    """

    names: frozenset[str]
    user: str
    owner: str
    flag: str
    country_prefix: CountryPrefix
    numbers: frozenset[str] = frozenset()

    def is_own(self, facts: Facts) -> bool:
        """Whether it is a call of this person."""
        return bool(facts.user) and facts.user.lower() in self.names

    def counter(self, name: str) -> str:
        """The name of a counter, with another owner where its owner is this person."""
        head, slash, owner = name.rpartition("/")
        return f"{head}{slash}{self.owner}" if slash and owner.lower() in self.names else name

    def facts(self, facts: Facts) -> Facts:
        """The facts of a call without the person; what a deck is asked by goes with the number."""
        renamed = msgspec.structs.replace(
            facts,
            pools=tuple([self.counter(name) for name in facts.pools]),
            caps=tuple(
                [msgspec.structs.replace(cap, counter=self.counter(cap.counter)) for cap in facts.caps]
            ),
            open_counters=tuple([self.counter(name) for name in facts.open_counters]),
        )
        if not self.is_own(facts):
            if self.numbers.isdisjoint((facts.caller, facts.callee)):
                return renamed
            return msgspec.structs.replace(
                renamed,
                caller=self._without_own(facts.caller),
                callee=self._without_own(facts.callee),
                asked=(),
            )
        return msgspec.structs.replace(
            renamed,
            user=self.user,
            caller=self.number(facts.caller, facts.service),
            callee=self.number(facts.callee, facts.service),
            asked=(),  # no deck may price the call anew by half a number
        )

    def number(self, number: str, service: str) -> str:
        """`+1212*******`: the country stays, and how long the number was; a service number is nobody's.

        Stars agree with any digits, so that the call is still known when its file is imported again.
        """
        if number == service:
            return number
        digits = parse_number(number, None).digits
        if not digits:
            return ""
        kept = self.country_prefix(digits)
        return f"+{kept}{'*' * (len(number) - 1 - len(kept))}"

    def _without_own(self, number: str) -> str:
        return self.number(number, "") if number in self.numbers else number

    def body(self, body: ChargeBody) -> ChargeBody:
        """A charge's body without the person."""
        own = self.is_own(body.facts)
        return msgspec.structs.replace(
            body,
            facts=self.facts(body.facts),
            pools=[(self.counter(name), seconds) for name, seconds in body.pools],
            flags=(*body.flags, self.flag) if own and self.flag not in body.flags else body.flags,
        )

    def charge(self, charge: Charge, body: ChargeBody) -> tuple[str, str, ChargeBody]:
        """(user_name, body as text, body) of a charge without the person; nothing else of it changes."""
        without = self.body(body)
        name = charge.user_name
        if name.lower() in self.names:
            name = self.user or body.facts.service
        return name, _encode(without).decode(), without

    def session(self, session: Session, texts: Texts) -> Session:
        """A closed session without the person; `texts` mends the answers that it was given."""
        spent = session.spent
        if spent is not None:
            spent = msgspec.structs.replace(
                spent, pools=[(self.counter(name), seconds) for name, seconds in spent.pools]
            )
        return msgspec.structs.replace(
            session,
            facts=self.facts(session.facts),
            pools=[(self.counter(name), seconds) for name, seconds in session.pools],
            given=[msgspec.structs.replace(given, text=texts.without(given.text)) for given in session.given],
            spent=spent,
        )


def country_prefix_of(country_of: Callable[[str], str]) -> CountryPrefix:
    """The shortest beginning of a number that has the country of the whole; `country_of` asks digits."""

    def shortest(digits: str) -> str:
        country = country_of(digits)
        for length in range(1, len(digits) + 1):
            if country and country_of(digits[:length]) == country:
                return digits[:length]
        return ""

    return shortest


class Texts:
    """Finds what names a person in texts and documents, and puts another word in its place.

    A word alone (a first name, say) counts only as a whole text of a JSON document; what holds a blank, an @
    or digits counts wherever it stands by itself.
    """

    def __init__(self, named: Iterable[str], word: str) -> None:
        self.named = tuple(sorted({text for text in named if text}, key=lambda text: (-len(text), text)))
        self.word = word
        free = [_inside(text) for text in self.named if _stands_alone(text)]
        whole = [_inside(text) for text in self.named if not _stands_alone(text)]
        parts = [rf"(?<![\w@.+-])(?:{'|'.join(free)})(?![\w@-]|\.\w)"] if free else []
        parts += [rf"(?<=\")(?:{'|'.join(whole)})(?=\")"] if whole else []
        self._pattern = re.compile("|".join(parts), re.IGNORECASE) if parts else None

    def without(self, text: str) -> str:
        """The text with the other word in the place of every name.

        Of a JSON document only texts change, never a number or what a record calls its fields: a person whose
        id is `4711` is no amount.
        """
        if self._pattern is None or self._pattern.search(text) is None:
            return text
        if text[:1] in ("{", "["):
            try:
                document = msgspec.json.decode(text)
            except msgspec.DecodeError:
                return self._pattern.sub(self.word, text)
            return _encode(self._in(document)).decode()
        return self._pattern.sub(self.word, text)

    def _in(self, value: object) -> object:
        """A value of a document without the names."""
        if isinstance(value, str):
            return self._in_text(value)
        if isinstance(value, list):
            return [self._in(each) for each in value]
        if isinstance(value, dict):
            return {
                key if key.isidentifier() else self._in_text(key): self._in(each)
                for key, each in value.items()
            }
        return value

    def _in_text(self, text: str) -> str:
        """One text of a document; a document that stands in it as text is mended alike."""
        if text[:1] in ("{", "["):
            return self.without(text)
        assert self._pattern is not None, "asked for only where there are names"
        quoted = _encode(text).decode()
        mended = self._pattern.sub(self.word, quoted)
        return text if mended == quoted else msgspec.json.decode(mended, type=str)


def _stands_alone(text: str) -> bool:
    return any(sign in " @" or sign.isdigit() for sign in text)


def _inside(text: str) -> str:
    """A name as a document in JSON spells it."""
    return re.escape(_encode(text).decode()[1:-1])
