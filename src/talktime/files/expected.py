"""What somebody who opens a file expects in it, and the sentences for what is there instead.

Usage files and rate decks come in the same containers and encodings; only the words differ.
"""

from dataclasses import dataclass
from typing import Final

from talktime.files.usage import NotUsage, UnusableFile


@dataclass(frozen=True, slots=True)
class Expected:
    """`name` after "not a", as in "rate deck"; `advice` is what to do where there is nothing at all."""

    name: str
    advice: str

    def empty(self, source: str) -> NotUsage:
        """The file has no content."""
        return NotUsage(f"{source}: the file is empty; {self.advice}")

    def no_member(self, source: str) -> UnusableFile:
        """The archive has no content."""
        return UnusableFile(f"{source}: the archive holds no {self.name}; {self.advice}")

    def other(self, source: str, what: str) -> NotUsage:
        """The file is something else; `what` with an article, and behind a ";" what to do about it."""
        return NotUsage(f"{source}: this is {what}" + ("" if ";" in what else f", not a {self.name}"))


USAGE: Final = Expected("usage file", "export it again")
"""What readers of usage expect."""
