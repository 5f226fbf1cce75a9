"""Test cards: what the sandbox does with a card, by its well-known number or name.

The table is data (catalog/data/sandbox_cards.toml). A source is a number or a name, and the card's last month
after it if it matters: "4242 4242 4242 4242 03/27", "tok_visa". A number that is in no table is refused and
never repeated: it could be somebody's real card.
"""

import hashlib
import re
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Final

import msgspec

from talktime.catalog.load import CatalogueError
from talktime.funding.gateway import MethodFacts, MethodRefused

SUCCEED: Final = "succeed"
AUTHENTICATE: Final = "authenticate"

_SOURCE: Final = re.compile(r"(?P<card>.*?)(?:\s+(?P<month>0?[1-9]|1[0-2])/(?:20)?(?P<year>\d\d))?", re.ASCII)


class TestCard(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A row of the table; its head says what each value means."""

    __test__ = False  # a card for tests, not a test

    number: str
    name: str
    brand: str
    attach: str = ""
    on_session: str = SUCCEED
    off_session: str = ""
    confirmed: str = SUCCEED
    remembers: bool = False
    dispute: str = ""
    refund: str = ""

    def asked(self, off_session: bool) -> str:
        """What happens to a payment: SUCCEED, AUTHENTICATE or a decline code."""
        return (self.off_session or self.on_session) if off_session else self.on_session


class _File(msgspec.Struct, forbid_unknown_fields=True):
    card: list[TestCard]


def read_cards(text: str, file: str = "sandbox_cards.toml") -> dict[str, TestCard]:
    """sandbox_cards.toml -> cards by number and by name. Raises CatalogueError naming the entry."""
    try:
        cards = msgspec.convert(tomllib.loads(text), _File).card
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise CatalogueError(f"{file}: {error}") from None
    found: dict[str, TestCard] = {}
    for card in cards:
        if not _adds_up(card.number):
            raise CatalogueError(
                f"{file}: {card.name!r}: the last digit of {card.number} is not its check digit"
            )
        if card.number in found or card.name in found:
            raise CatalogueError(f"{file}: {card.name!r}: number or name stands twice")
        found[card.number] = found[card.name] = card
    return found


@cache
def load_cards() -> Mapping[str, TestCard]:
    """The shipped test cards, by number and by name."""
    path = resources.files("talktime.catalog").joinpath("data", "sandbox_cards.toml")
    return read_cards(path.read_text("utf-8"))


def card_of(source: str, now_month: str) -> tuple[TestCard, str]:
    """A source -> its card and last month ("2027-03"). Without one it is the end of the fourth year from now.

    Raises MethodRefused: no test card, or a date that has passed.
    """
    match = _SOURCE.fullmatch(source.strip())
    words = match["card"] if match else ""
    name = re.sub(r"^(tok_|pm_card_)", "", words)
    card = load_cards().get(name) or load_cards().get(re.sub(r"[\s-]", "", words))
    if card is None or match is None:
        raise MethodRefused(
            "incorrect_number",
            "This is no card of the sandbox, which takes test cards only; use 4242 4242 4242 4242.",
        )
    if match["month"] is None:
        return card, f"{int(now_month[:4]) + 4}-12"
    expires = f"20{match['year']}-{int(match['month']):02}"
    if expires < now_month:
        raise MethodRefused(
            "expired_card", f"The card has expired in {expires}; add one that is still valid."
        )
    return card, expires


def facts_of(card: TestCard, token: str, expires: str) -> MethodFacts:
    """The card as people see it. The fingerprint depends on the number alone."""
    fingerprint = hashlib.sha256(card.number.encode()).hexdigest()[:16]
    return MethodFacts(token, card.brand, card.number[-4:], expires, fingerprint)


def _adds_up(number: str) -> bool:
    """Luhn's check: every second digit from the right is doubled, the sum ends in 0."""
    if not (number.isascii() and number.isdigit()):
        return False
    digits = [int(digit) for digit in reversed(number)]
    doubled = (sum(divmod(2 * digit, 10)) for digit in digits[1::2])
    return (sum(digits[::2]) + sum(doubled)) % 10 == 0
