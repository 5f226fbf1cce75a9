"""Reading a rate deck: text, layout, head, rows, checks, version; in that order, each in its own module.

The result is a value: the deck, or none where a fault refuses it, and every finding with its line. Only a
file that is no deck at all raises (formats.md, Rate decks).
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from talktime.catalog.model import Catalogue
from talktime.core.deck import Deck, RateRow
from talktime.files.decks.check import check_deck
from talktime.files.decks.findings import WHOLE_FILE, DeckFile, Finding, is_refused, refused, warning
from talktime.files.decks.head import DeckHead, head_of
from talktime.files.decks.recognise import recognise
from talktime.files.decks.rows import currencies_of, read_rows, table_of
from talktime.files.decks.source import read_text
from talktime.files.decks.version import versioned

_ENDINGS = (".gz", ".zip", ".csv", ".tsv", ".txt", ".xlsx")


def read_deck(
    path: Path, *, name: str | None = None, currency: str | None = None, catalogue: Catalogue | None = None
) -> DeckFile:
    """Reads and checks the deck in a file.

    `name`: of the deck, before what the file says; `currency`: what the caller expects, refused if the file
    says another. Raises UnusableFile for a file that is no deck at all.
    """
    text, stem = read_text(path), _stem(path)
    return parse_deck(text, str(path), name=name or "", stem=stem, currency=currency, catalogue=catalogue)


def _stem(path: Path) -> str:
    stem = path.name
    while stem.lower().endswith(_ENDINGS):
        stem = stem[: stem.rfind(".")]
    return stem or path.name


def parse_deck(
    text: str,
    where: str,
    *,
    name: str = "",
    stem: str = "deck",
    currency: str | None = None,
    catalogue: Catalogue | None = None,
) -> DeckFile:
    """Reads and checks the text of a deck; `where` names it in messages, `stem` is the name if it has none.

    Raises UnusableFile.
    """
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    layout = recognise(lines, where)
    table = table_of(lines, layout)
    asked = currency.upper() if currency else None
    head, findings = head_of(layout.settings, layout.format, stem, asked, currencies_of(table, layout))
    rows, more = read_rows(table, layout, head.row_defaults)
    findings += more
    if not rows:
        findings.append(refused(WHOLE_FILE, "the deck has no usable row"))
    deck = _deck(name, head, rows)
    findings += check_deck(deck, catalogue)
    findings += _changed(head, deck)
    rejected = sum(1 for finding in findings if finding.severity == "row_rejected")
    usable = None if is_refused(findings) else deck
    return DeckFile(usable, tuple(findings), layout.format, len(table), rejected)


def _deck(name: str, head: DeckHead, rows: Sequence[RateRow]) -> Deck:
    deck = Deck(
        name=name or head.name,
        version="",
        currency=head.currency,
        rows=tuple(rows),
        rounding=head.rounding,
        decimals=head.decimals,
        increments=head.increments,
        sample=head.sample,
    )
    return versioned(deck)


def _changed(head: DeckHead, deck: Deck) -> Iterator[Finding]:
    """A file that says which version it is and holds another was changed after it was written."""
    if head.version and head.version != deck.version:
        text = f"the file calls itself version {head.version}, what it holds is version {deck.version}"
        yield warning(WHOLE_FILE, text)
