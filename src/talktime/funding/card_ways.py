"""How a card is added here: each gateway that is set up, and what is typed into its field.

A real gateway gives a word for the card in a form of its own; the sandbox takes test cards, and says of each
what will become of it (recharge.md, last paragraph).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from talktime.funding.sandbox import SandboxGateway
from talktime.funding.sandbox_cards import AUTHENTICATE, SUCCEED, TestCard, load_cards

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from talktime.funding.gateway import Gateway

TEST_ONLY: Final = "No real money moves: this gateway takes test cards only."
OWN_FORM: Final = (
    "The gateway's own form keeps the card and gives a word for it; that word is what is added here."
)


class Source(NamedTuple):
    """Something that a gateway takes for a card, and what becomes of it."""

    source: str
    brand: str
    says: str


class CardWay(NamedTuple):
    """A gateway that keeps cards. `is_test`: no real money moves; then `sources` are its test cards."""

    gateway: str
    is_test: bool
    says: str
    sources: tuple[Source, ...]


def card_ways(gateways: Mapping[str, Gateway]) -> tuple[CardWay, ...]:
    """The gateways in their order: the first keeps a card where none is named."""
    return tuple(_way(gateway) for gateway in gateways.values())


def is_test(gateway: Gateway | None) -> bool:
    """Whether what this gateway takes is no real money."""
    return isinstance(gateway, SandboxGateway)


def _way(gateway: Gateway) -> CardWay:
    if not is_test(gateway):
        return CardWay(gateway.name, False, OWN_FORM, ())
    cards = dict.fromkeys(load_cards().values())  # by number and by name: each once, in the table's order
    sources = tuple(Source(_grouped(card.number), card.brand, card_says(card)) for card in cards)
    return CardWay(gateway.name, True, TEST_ONLY, sources)


def card_says(card: TestCard) -> str:
    """What becomes of a test card, in a sentence."""
    return "; ".join(_fates(card)).capitalize() + "."


def _fates(card: TestCard) -> Iterator[str]:
    if card.attach:
        yield f"is refused when it is added ({_named(card.attach)})"
        return
    yield _paid(card.on_session)
    if card.on_session == AUTHENTICATE and card.confirmed != SUCCEED:
        yield f"declined after that ({_named(card.confirmed)})"
    off_session = card.asked(off_session=True)
    if off_session != card.on_session:
        yield f"auto-recharge with it: {_paid(off_session)}"
    if card.remembers:
        yield "later payments by auto-recharge need no confirmation"
    if card.dispute:
        yield f"each payment is disputed ({_named(card.dispute)})"
    if card.refund:
        yield "refunds fail later" if card.refund == "fails_later" else "refunds take their time"


def _paid(asked: str) -> str:
    if asked == SUCCEED:
        return "pays"
    if asked == AUTHENTICATE:
        return "the holder has to confirm each payment"
    return f"payments are declined ({_named(asked)})"


def _named(code: str) -> str:
    """A code as words; the bank's sentence is said when it happens."""
    return code.replace("_", " ")


def _grouped(number: str) -> str:
    """4242 4242 4242 4242."""
    return " ".join(number[at : at + 4] for at in range(0, len(number), 4))
