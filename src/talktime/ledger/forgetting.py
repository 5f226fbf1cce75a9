"""Charges and sessions without what names a person: figures, split and reasons stay, names go.

What a counter of the ledger is called may name somebody too (a cap of one user, a pool of one user); a charge
and its counter are renamed alike, so that the one can still be worked out from the other (domain.md 12).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
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

_CENTRES: Final = "cap:cost_centre"
_COUNTRY: Final = re.compile(r"[A-Z]{2}")
"""Who shares the pools of a country: its code, in capitals."""

_NUMBER_DIGITS: Final = 7
"""So many digits may be a telephone number, and are hardly an amount."""

_FIGURES: Final = re.compile(r"[\d.,:\s()-]*\d[\d.,:\s()-]*")
"""A name without letters: it may be spelled like an amount, an instant or a count."""

_PEOPLE: Final = frozenset({"id", "upn", "user", "numbers", "caller", "callee", "who"})
"""What documents call an id, a UPN or a number of a person; a cap of a user has its user as its id."""

_SAID: Final = frozenset(
    {"name", "mail", "asked_by", "asked_who", "decided_by", "decided_who", "closed_by", "recipient"}
    | {"subject", "text", "reason", "answer", "error"}
)
"""What else may be a person's name and nothing else."""

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
        if head == _CENTRES or _COUNTRY.fullmatch(owner):  # somebody may be called as one of them is
            return name
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

    What holds a blank or an @, or letters and digits, counts wherever it stands by itself. One word (`Bob`)
    counts as a whole text where documents name people, as the owner of a counter, and in what the audit log
    says of people (`user Bob put`); so does a name without letters (`50`), but under fewer words, since an
    amount may be spelled alike. One that is as long as a telephone number counts inside longer texts too.
    """

    def __init__(self, named: Iterable[str], word: str) -> None:
        self.named = tuple(sorted({text for text in named if text}, key=lambda text: (-len(text), text)))
        self.word = word
        figures = [text for text in self.named if _FIGURES.fullmatch(text)]
        words = [text for text in self.named if text not in figures and not _stands_alone(text)]
        free = [text for text in self.named if text not in figures and text not in words]
        long = [text for text in figures if sum(sign.isdigit() for sign in text) >= _NUMBER_DIGITS]
        bound = [*words, *figures]
        patterns = (_by_itself(free), _told_of(bound), _in_brackets(bound), _within(long))
        self._patterns = [re.compile(pattern, re.IGNORECASE) for pattern in patterns if pattern]
        self._words = frozenset(text.lower() for text in words)
        self._figures = frozenset(text.lower() for text in figures)

    def without(self, text: str) -> str:
        """The text with the other word in the place of every name.

        Of a JSON document only texts change, never a number or what a record calls its fields: a person whose
        id is `4711` is no amount.
        """
        if not self.named:
            return text
        if text[:1] in ("{", "["):
            try:
                document = msgspec.json.decode(text)
            except msgspec.DecodeError:
                return self._mended(text)
            mended = self._in(document, "")
            return text if mended == document else _encode(mended).decode()
        return self.word if self._is_name(text) else self._mended(text)

    def _is_name(self, text: str) -> bool:
        return text.lower() in self._words or text.lower() in self._figures

    def _mended(self, text: str) -> str:
        """A text without the names that stand in it."""
        for pattern in self._patterns:
            text = pattern.sub(lambda found: found[1] + self.word, text)
        return text

    def _in(self, value: object, key: str) -> object:
        """A value of a document without the names; `key` is what the record calls it, "" for nothing."""
        if isinstance(value, str):
            return self._in_text(value, key)
        if isinstance(value, list):
            return [self._in(each, key) for each in value]
        if isinstance(value, dict):
            return {
                name if name.isidentifier() else self._mended(name): self._in(each, name)
                for name, each in value.items()
            }
        return value

    def _in_text(self, text: str, key: str) -> str:
        """One text of a document; a document that stands in it as text is mended alike."""
        if text[:1] in ("{", "["):
            return self.without(text)
        known = text.lower()
        if known in self._figures:
            return self.word if key in _PEOPLE else text
        if known in self._words:
            return self.word if key in _PEOPLE or key in _SAID else text
        return self._mended(text)


# Patterns of names: what stands before a name, in the first group, is kept; "" for no names.


def _any_of(names: Iterable[str]) -> str:
    return f"(?:{'|'.join(re.escape(name) for name in names)})"


def _by_itself(names: Sequence[str]) -> str:
    """A name that is no part of a longer word, address or number."""
    return rf"(?<![\w@.+-])(){_any_of(names)}(?![\w@-]|\.\w)" if names else ""


def _within(names: Sequence[str]) -> str:
    """The same with something else beside it in the text."""
    return rf"(?!\A{_any_of(names)}\Z){_by_itself(names)}" if names else ""


def _told_of(names: Sequence[str]) -> str:
    """Where the audit log names people, `user X put`; and the owners of counters, `cap:user/X`."""
    if not names:
        return ""
    told = r"\b(?:user|assigned to|taken from) |\w:user/|\bpool:[^/\s]+/[^/\s]+/"
    return rf"({told})(?!(?-i:[A-Z]{{2}})\Z){_any_of(names)}(?=[\s,;:/]|\Z)"


def _in_brackets(names: Sequence[str]) -> str:
    """Who holds a key, or types: `key 1 (X)`."""
    return rf"((?<=\w )\(){_any_of(names)}(?=\))" if names else ""


def _stands_alone(text: str) -> bool:
    return any(sign in " @" or sign.isdigit() for sign in text)
