"""A link on a desk: what a test feeds it, when, and what it says, read by hand."""

from __future__ import annotations

from collections.abc import Callable

from talktime.doors.diameter.wire.codes import Result
from talktime.doors.diameter.wire.events import Event, LinkState, Opened
from talktime.doors.diameter.wire.message import MAX_MESSAGE
from talktime.doors.diameter.wire.own import Hello, Own
from talktime.doors.diameter.wire.peer import Admit, PeerLink
from tests.doors.diameter.wire import by_hand
from tests.doors.diameter.wire.by_hand import Seen

OWN = Own("ocs.example", "example", "Talktime", ("192.0.2.10", "2001:db8::10"), 42)
WATCHDOG_S, HELLO_S = 30.0, 10.0


def everybody(_: Hello) -> Result:
    """Lets everybody in."""
    return Result.SUCCESS


class Desk:
    """A link that began at 0 s; `now_s` is moved by the test."""

    def __init__(
        self,
        admit: Admit = everybody,
        *,
        max_message: int = MAX_MESSAGE,
        jitter: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self.now_s = 0.0
        self.link = PeerLink(
            OWN,
            admit,
            0.0,
            watchdog_s=WATCHDOG_S,
            hello_s=HELLO_S,
            max_message=max_message,
            jitter=jitter,
        )

    @classmethod
    def open(cls) -> Desk:
        """One that has said hello already, at 0 s."""
        desk = cls()
        (event,) = desk.hears(by_hand.cer())
        assert isinstance(event, Opened)
        assert [each.result for each in desk.said()] == [2001]
        return desk

    def state(self) -> LinkState:
        return self.link.state

    def hears(self, *chunks: bytes) -> list[Event]:
        return [event for chunk in chunks for event in self.link.receive(chunk, self.now_s)]

    def sent(self) -> list[bytes]:
        """The messages that it has said since it was last asked, whole."""
        return by_hand.split(self.link.take())

    def said(self) -> list[Seen]:
        """The messages that it has said since it was last asked, read strictly."""
        return [by_hand.read(whole) for whole in self.sent()]

    def waits(self, seconds: float) -> list[Event]:
        """Lets time pass, waking the link whenever it wants to be."""
        until_s = self.now_s + seconds
        events: list[Event] = []
        while self.link.due_s() <= until_s:
            self.now_s = self.link.due_s()
            events += self.link.tick(self.now_s)
        self.now_s = until_s
        return events
