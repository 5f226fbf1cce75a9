"""A file that a person chose: it stays in the browser, and is sent to one address of the API after another.

So a file is checked, then compared, then kept, without the centre holding it in between.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple

from nicegui import ui

SEND_S: Final = 600.0
"""So long may a file be on its way, in seconds."""

_SEND: Final = """
return await new Promise((done) => {
  const input = document.getElementById(%s), bar = document.getElementById(%s);
  const file = input.files[0];
  if (!file) { done({status: -1, answer: ""}); return; }
  bar.classList.remove("tt-gone");
  talktime.upload(input, %s, (said) => {
    if ("progress" in said) { bar.value = said.progress; return; }
    bar.classList.add("tt-gone");
    done({status: said.status, answer: said.answer});
  });
});
"""


class Answer(NamedTuple):
    """What came back: an HTTP status and a body. 0: the file did not arrive; -1: none is chosen."""

    status: int
    body: str

    @property
    def detail(self) -> str:
        """The sentence of a problem, or what to do where there is no answer."""
        if self.status < 0:
            return "Choose a file first."
        if self.status == 0:
            return "The file did not arrive: the connection broke, or it is larger than is taken."
        try:
            return str(json.loads(self.body).get("detail", self.body))
        except ValueError:
            return self.body or f"The service answered with {self.status}."

    @property
    def faults(self) -> tuple[str, ...]:
        """Everything that a problem names, its sentence where it names no more."""
        try:
            return tuple(json.loads(self.body).get("faults", ())) or (self.detail,)
        except ValueError:
            return (self.detail,)


class SentFile:
    """A labelled field for one file of a media type. `chosen` runs when somebody has chosen another one."""

    def __init__(
        self,
        label: str,
        kind: str,
        chosen: Callable[[], Awaitable[None]],
        *,
        accept: str = "",
        hint: str = "",
    ) -> None:
        with ui.element("div").classes("tt-file"):
            name = ui.element("label")
            with name:
                ui.label(label)
            self.input = ui.element("input").props("type=file")
            self.input.props.update({"id": f"file-{self.input.id}", "data-kind": kind, "accept": accept})
            name.props["for"] = self._id
            if hint:
                ui.label(hint).classes("tt-small")
            self._bar = ui.element("progress").props("max=100 value=0").classes("tt-gone")
            self._bar.props.update({"id": f"sent-{self._bar.id}", "aria-label": "Sent so far"})
        self.input.on("change", chosen, args=[])

    @property
    def _id(self) -> str:
        return f"file-{self.input.id}"

    async def send(self, address: str) -> Answer:
        """Sends the file to an address of `/upload/...`."""
        words = (self._id, f"sent-{self._bar.id}", address)
        told = await self.input.client.run_javascript(
            _SEND % tuple(json.dumps(word) for word in words), timeout=SEND_S
        )
        return Answer(int(told["status"]), str(told["answer"]))
