"""The deck that a command names: a file, or the shipped sample."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from talktime.doors.cli.problems import Unusable, WrongUse

if TYPE_CHECKING:
    from talktime.core.deck import Deck
    from talktime.files.decks.findings import DeckFile

SAMPLE: Final = "sample"
SHOWN_FINDINGS: Final = 3


def deck_file(name: str) -> DeckFile:
    """Reads and checks the deck. Raises WrongUse where there is no such file, UnusableFile for no deck."""
    from talktime.files.decks.findings import DeckFile
    from talktime.files.decks.read import read_deck
    from talktime.files.decks.sample import default_deck

    path = Path(name)
    if name == SAMPLE and not path.exists():
        deck = default_deck()
        return DeckFile(deck, (), "sample", len(deck.rows), 0)
    if not path.exists():
        raise WrongUse(f"deck {name!r}: no such file; name a deck, or `{SAMPLE}` for the shipped one")
    return read_deck(path)


def usable_deck(name: str) -> tuple[Deck, tuple[str, ...]]:
    """The deck and warnings about it. Raises Unusable with the findings that refuse it."""
    read = deck_file(name)
    if read.deck is None:
        faults = [_sentence(f.line, f.text) for f in read.findings if f.severity == "refused"]
        more = f" (and {len(faults) - SHOWN_FINDINGS} more)" if len(faults) > SHOWN_FINDINGS else ""
        shown = "; ".join(faults[:SHOWN_FINDINGS])
        raise Unusable(f"deck {name} is refused: {shown}{more}; see `talktime rates check {name}`")
    from talktime.files.decks.head import CURRENCY_TAKEN

    warnings = [f"deck {name}: {f.text}" for f in read.findings if f.text.startswith(CURRENCY_TAKEN)]
    if read.rows_rejected:
        rows = "1 row" if read.rows_rejected == 1 else f"{read.rows_rejected:,} rows"
        warnings.append(f"{rows} of deck {name} set aside; see `talktime rates check {name}`")
    return read.deck, tuple(warnings)


def _sentence(line: int, text: str) -> str:
    return f"line {line}: {text}" if line else text
