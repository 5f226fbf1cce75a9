"""The deck that is used where none is named: sample prices, marked as such.

Its prefixes are facts of public numbering plans, its prices for calling are invented (catalogue data,
`decks/sample.csv`).
"""

from functools import cache
from importlib import resources

from talktime.core.deck import Deck
from talktime.files.decks.read import parse_deck


@cache
def default_deck() -> Deck:
    """The shipped sample deck; `sample` is True. Raises ValueError if someone broke its file."""
    file = resources.files("talktime.catalog").joinpath("data", "decks", "sample.csv")
    found = parse_deck(file.read_text("utf-8"), "the shipped sample deck", stem="sample")
    if found.deck is None:
        raise ValueError(f"the shipped sample deck cannot be used: {found.findings[0].text}")
    return found.deck
