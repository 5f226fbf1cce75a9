"""Installation > Rate decks > Upload: a file checked and compared before it is kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

import msgspec
from nicegui import ui

from talktime.client.management.answers_house import DeckAdded
from talktime.client.management.answers_rates import DeckChecked, DeckDifferences
from talktime.doors.admin.kit.act import action, tell
from talktime.doors.admin.kit.fields import text_field
from talktime.doors.admin.kit.said import said
from talktime.doors.admin.kit.sent_file import SentFile
from talktime.doors.admin.kit.show import Column, badge, card, facts, heading, row, table, text
from talktime.doors.admin.pages.deck_changes import changes, totals
from talktime.doors.admin.words import count

if TYPE_CHECKING:
    from talktime.client.management.answers_house import Binding, Finding
    from talktime.doors.admin.visit import Visit

MOST: Final = 100
MOST_CHANGES: Final = 30
"""Changes that the first look shows; a deck that is kept has all of them on its page."""
OK: Final = 200
ADDED: Final = 201

_SEVERITIES: Final = {
    "refused": badge("refuses the deck", "error"),
    "row_rejected": badge("row set aside", "warning"),
    "warning": badge("worth a look", "warning"),
}


class Upload:
    """A file is checked at once, then compared with what is in force, and kept when somebody says so."""

    def __init__(self, at: Visit, bindings: Sequence[Binding]) -> None:
        self._at = at
        self._bound = {one.currency: one.version for one in bindings}
        with card("Upload a deck"):
            text("The file is checked and shown here first; nothing is kept before you say so.")
            self._name = text_field("Name (the file's own, if empty)")
            self._file = SentFile("Rate deck (CSV)", "text/csv", self._check, accept=".csv,text/csv")
            self._place = ui.element("div").classes("tt-block").props("aria-live=polite")

    async def _check(self) -> None:
        answer = await self._file.send(f"/upload/decks/check{self._asked()}")
        self._place.clear()
        with self._place:
            if answer.status != OK:
                said("error", f"This is no rate deck: {answer.detail}")
                return
            await self._checked(msgspec.json.decode(answer.body, type=DeckChecked))

    def _asked(self) -> str:
        name = self._name.value.strip()
        return f"?name={quote(name)}" if name else ""

    async def _checked(self, found: DeckChecked) -> None:
        deck = found.deck
        if deck is None:
            said("error", f"The deck is refused; mend the file. {count(found.counts.refused)} faults.")
        elif found.stored:
            said("note", "A deck with these very rates is stored already.")
        else:
            said("good", f"{count(deck.rates)} rates in {deck.currency}, version {deck.version}.")
        facts(
            [
                ("Name", deck.name if deck is not None else "—"),
                ("Format", found.format),
                ("Rows", f"{count(found.rows)}, of which {count(found.rejected_rows)} are set aside"),
                ("Worth a look", count(found.counts.warning)),
            ]
        )
        _findings(found.findings)
        if deck is None:
            return
        old = self._bound.get(deck.currency, "")
        differs = await self._compared(old) if old else None
        if differs is not None:
            heading(f"Against {differs.old.name}, which is in force")
            totals(differs)
        with row():
            action("Keep this deck", self._keep, is_main=True)
        if differs is not None:
            changes(differs.changes)

    async def _compared(self, old: str) -> DeckDifferences | None:
        """What differs from a stored deck; None, and said, where they cannot be compared."""
        answer = await self._file.send(f"/upload/decks/{quote(old)}/differences?limit={MOST_CHANGES}")
        if answer.status != OK:
            said("warning", f"It could not be compared: {answer.detail}")
            return None
        return msgspec.json.decode(answer.body, type=DeckDifferences)

    async def _keep(self) -> None:
        answer = await self._file.send(f"/upload/decks{self._asked()}")
        if answer.status not in (OK, ADDED):
            tell(answer.detail, "negative")
            return
        self._at.go(f"/decks/{msgspec.json.decode(answer.body, type=DeckAdded).version}")


def _findings(found: Sequence[Finding]) -> None:
    if not found:
        return
    heads = [Column("Line", "figure"), Column("What"), Column("Finding")]
    rows = [
        [str(one.line) if one.line else "all", _SEVERITIES.get(one.severity, one.severity), one.text]
        for one in found[:MOST]
    ]
    table(heads, rows, "What the check found")
    if len(found) > MOST:
        text(f"The first {MOST} of {count(len(found))} are shown.", small=True)
