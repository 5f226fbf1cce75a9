"""What the pages What if and Planner share: usage is brought, a question is followed until it is answered.

Both take the same files and ask in the same way; how an answer looks is each page's own.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Final, TypeVar
from urllib.parse import quote

from markupsafe import Markup
from nicegui import ui

from talktime.client import ProblemError
from talktime.doors.admin.kit.act import live, tried
from talktime.doors.admin.kit.said import said
from talktime.doors.admin.kit.sent_file import SentFile
from talktime.doors.admin.kit.show import badge, card, text

if TYPE_CHECKING:
    from talktime.doors.admin.visit import Visit

Asked = TypeVar("Asked")
"""A question as the API answers it."""

LISTED: Final = 20
LOOK_S: Final = 0.7
CREATED: Final = 201
TOO_LARGE: Final = 413
TOO_LARGE_SAID: Final = "The file is larger than 256 MB: bring fewer days at a time, or compress it."
FORMATS: Final = (
    "Exports of Calling Plans and Direct Routing, Graph call records, CSV, JSON, Excel, Parquet, zip"
)

ON_THE_WAY: Final[Mapping[str, str]] = {"waiting": "waits for its turn", "running": "is being worked out"}
STATES: Final[Mapping[str, Markup]] = {
    "done": badge("done", "good"),
    "failed": badge("failed", "error"),
    **{state: badge(words, "warning") for state, words in ON_THE_WAY.items()},
}


def bring(at: Visit, label: str, there: Callable[[str], str]) -> None:
    """A field that takes a file of usage; `there` is the address to go to with the id of what was brought."""

    async def send() -> None:
        answer = await file.send(f"/upload/tenants/{quote(at.tenant_id, safe='')}/usage-files")
        place.clear()
        if answer.status == CREATED:
            at.go(there(str(json.loads(answer.body)["id"])))
            return
        with place:
            said("error", TOO_LARGE_SAID if answer.status == TOO_LARGE else sentence(answer.detail))

    file = SentFile(label, "application/octet-stream", send, hint=FORMATS)
    place = ui.element("div").classes("tt-block").props("aria-live=polite")


async def followed(find: Callable[[], Awaitable[Asked]], show: Callable[[Asked], str], gone: str) -> None:
    """Shows a question, and again and again until it is answered.

    `find` asks for it, `show` draws it and gives its state; `gone`: what is said where there is none.
    """
    box = ui.element("div").classes("tt-block").props("aria-live=polite")

    async def look() -> bool:
        found = await find()
        box.clear()
        with box:
            return show(found) in ON_THE_WAY

    try:
        is_on_its_way = await look()
    except ProblemError as error:
        if error.status not in (400, 404):
            raise
        said("error", gone)
        return
    if is_on_its_way:
        _again(look)


def _again(look: Callable[[], Awaitable[bool]]) -> None:
    async def turn() -> None:
        async def once() -> None:
            if not await look():
                timer.cancel()

        if not await tried(once):
            timer.cancel()

    timer = live(LOOK_S, turn)


def waiting(what: str, state: str, percent: int) -> None:
    """A question that is on its way, and how far it is."""
    with card():
        text(f"{what} {ON_THE_WAY[state]}. You can leave this page and come back.")
        bar = ui.element("progress").classes("tt-progress")
        bar.props.update({"max": 100, "value": percent, "aria-label": "Worked out so far"})
        text(f"{percent} %", small=True)


def sentence(words: str) -> str:
    """What the API says of a fault, as a sentence."""
    return f"{words[:1].upper()}{words[1:]}".rstrip(".") + "."
