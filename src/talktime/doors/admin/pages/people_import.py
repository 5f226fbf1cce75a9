"""Users and numbers > Users > Import: a file, what it would change line by line, and then the change."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Final

import msgspec
from markupsafe import Markup
from nicegui import ui

from talktime.client.management.answers_people import Imported
from talktime.doors.admin.kit.act import action, grave
from talktime.doors.admin.kit.fields import check_box
from talktime.doors.admin.kit.said import said
from talktime.doors.admin.kit.sent_file import SentFile
from talktime.doors.admin.kit.show import Column, anchor, badge, card, empty, link, row, table, text
from talktime.doors.admin.page import Visit, page
from talktime.doors.admin.words import count

if TYPE_CHECKING:
    from talktime.client.management.answers_people import FieldChange, ImportedUser
    from talktime.doors.admin.kit.sent_file import Answer

COLUMNS: Final = "upn, id, name, location, licences, numbers, cost_centre, cap_per_month, policies"
"""What a file of users may say; lists are separated by semicolons."""

_FIELDS: Final = {
    "id": "Id",
    "name": "Name",
    "location": "Location",
    "licences": "Licences",
    "numbers": "Numbers",
    "cost_centre": "Cost centre",
    "cap_per_month": "Cap a month",
    "policies": "Dial-out policies",
}
_CHANGES: Final = {
    "added": badge("added", "good"),
    "changed": badge("changed", "warning"),
    "removed": badge("removed", "error"),
}


@page("/tenants/{tenant}/users/import", title="Import users", needs="import_users")
async def import_users(at: Visit) -> None:
    """A file, what it would change line by line, and then the change."""
    text(anchor("All users", at.link("users")))
    _Import(at)


class _Import:
    """The file, and the place where it is told what it does."""

    def __init__(self, at: Visit) -> None:
        self._at = at
        with card("The file"):
            text(
                f"A CSV file with a head line. Its columns may be {COLUMNS}; only upn has to be there. "
                "Columns that it does not have leave what users have; lists are separated by semicolons."
            )
            self._file = SentFile("File of users (CSV)", "text/csv", self._show, accept=".csv,text/csv")
            self._removes = check_box("Also remove users that the file does not name")
            with row():
                action("Show what it changes", self._show, is_main=True)
        with card("What it changes"):
            self._place = ui.element("div").classes("tt-block")
        self._removes.on_value_change(self._wait)
        self._wait()

    def _wait(self) -> None:
        self._place.clear()
        with self._place:
            empty("Choose a file; nothing is changed before you have seen what it changes.")

    async def _send(self, *, dry: bool) -> Answer:
        """Asks for a dry run, or for the change itself."""
        query = f"dry_run={str(dry).lower()}&remove_others={str(bool(self._removes.value)).lower()}"
        return await self._file.send(f"/upload/tenants/{self._at.tenant_id}/users/import?{query}")

    async def _show(self) -> None:
        answer = await self._send(dry=True)
        self._place.clear()
        with self._place:
            _preview(answer, self._do)

    async def _do(self) -> None:
        answer = await self._send(dry=False)
        self._place.clear()
        with self._place:
            if answer.status != 200:
                _faults(answer)
                return
            said("good", f"Done: {_sums(msgspec.json.decode(answer.body, type=Imported))}.")
            link("To the users", self._at.link("users"), is_main=True)


def _preview(answer: Answer, do: Callable[[], Awaitable[None]]) -> None:
    if answer.status != 200:
        _faults(answer)
        return
    found = msgspec.json.decode(answer.body, type=Imported)
    said("note", f"This file would do: {_sums(found)}. Nothing is changed yet.")
    if not found.users:
        empty("Everybody in the file is as the file says already.")
        return
    _changes(found.users)
    total = found.added + found.changed + found.removed
    if total > len(found.users):
        text(f"The first {count(len(found.users))} of {count(total)} are shown.", small=True)
    label = f"Change {count(total)} users"
    if found.removed:
        grave(label, "Import users", f"This removes {count(found.removed)} users. {_sums(found)}.", do)
    else:
        action(label, do, is_main=True)


def _changes(found: Sequence[ImportedUser]) -> None:
    rows = [
        [
            "—" if one.line is None else str(one.line),
            _CHANGES[one.change],
            one.upn,
            Markup("<br>").join(_field(each) for each in one.fields if each.field != "upn") or "—",
        ]
        for one in found
    ]
    heads = [Column("Line", "figure"), Column("Change"), Column("User"), Column("From what to what")]
    table(heads, rows, "Users that the file changes")


def _field(change: FieldChange) -> Markup:
    name = _FIELDS.get(change.field, change.field)
    before, after = change.before or "nothing", change.after or "nothing"
    return Markup("{}: {} → <strong>{}</strong>").format(name, before, after)


def _sums(found: Imported) -> str:
    return (
        f"{count(found.added)} added, {count(found.changed)} changed, {count(found.removed)} removed, "
        f"{count(found.unchanged)} unchanged"
    )


def _faults(answer: Answer) -> None:
    said("error", "This file cannot be imported; nothing was changed.")
    table(["What is wrong"], [[fault] for fault in answer.faults], "Faults of the file")
