"""What a text has to be, with one star at most, and thousands of such patterns asked at once.

An index finds every pattern that fits by looking up the whole text, its beginnings and its ends: what that
costs depends on the lengths of the patterns and not on how many there are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from talktime.doors.diameter.parties import pattern_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

STAR: Final = "*"
NOWHERE: Final = 1 << 62
"""The position of no rule: behind every other."""


class Pattern(NamedTuple):
    """What a text has to be: "*" anything, "abc*" its beginning, "*abc" its end, else the whole of it."""

    text: str
    begins: bool
    ends: bool

    def fits(self, forms: Iterable[str]) -> bool:
        """Whether one of the texts is meant."""
        if self.begins and self.ends:
            return True
        if self.begins:
            return any(form.startswith(self.text) for form in forms)
        if self.ends:
            return any(form.endswith(self.text) for form in forms)
        return self.text in forms

    def covers(self, other: Pattern) -> bool:
        """Whether every text that the other means is meant."""
        if self.begins and self.ends:
            return True
        if self.begins:
            return not other.ends and other.text.startswith(self.text)
        if self.ends:
            return not other.begins and other.text.endswith(self.text)
        return self == other


def read_pattern(text: str) -> Pattern:
    """A pattern as it is written. Raises ValueError with half a sentence."""
    bare = text.strip()
    if bare == STAR:
        return Pattern("", begins=True, ends=True)
    inner = bare.removeprefix(STAR) if bare.startswith(STAR) else bare.removesuffix(STAR)
    pattern = Pattern(pattern_text(inner), begins=bare.endswith(STAR), ends=bare.startswith(STAR))
    if STAR in inner or (pattern.begins and pattern.ends):
        raise ValueError("may hold one *, at its beginning or at its end")
    if not pattern.text:
        raise ValueError(f"is empty; write {STAR} for any")
    return pattern


class PatternIndex:
    """Positions of rules by their patterns, ascending in every list."""

    __slots__ = ("_always", "_begin", "_begin_lengths", "_end", "_end_lengths", "_whole")

    def __init__(self, rules: Iterable[tuple[int, Pattern]]) -> None:
        self._whole: dict[str, list[int]] = {}
        self._begin: dict[str, list[int]] = {}
        self._end: dict[str, list[int]] = {}
        self._always: list[int] = []
        for position, pattern in rules:
            if pattern.begins and pattern.ends:
                self._always.append(position)
            else:
                kind = self._begin if pattern.begins else self._end if pattern.ends else self._whole
                kind.setdefault(pattern.text, []).append(position)
        self._begin_lengths = sorted({len(text) for text in self._begin})
        self._end_lengths = sorted({len(text) for text in self._end})

    def lists(self, forms: Iterable[str]) -> Iterator[list[int]]:
        """The positions of all rules that mean one of the texts, in several lists."""
        yield self._always
        for form in forms:
            if form in self._whole:
                yield self._whole[form]
            for length in self._begin_lengths:
                if length <= len(form) and form[:length] in self._begin:
                    yield self._begin[form[:length]]
            for length in self._end_lengths:
                if length <= len(form) and form[-length:] in self._end:
                    yield self._end[form[-length:]]

    def covering(self, pattern: Pattern) -> Iterator[list[int]]:
        """The positions of all rules that mean every text that a pattern means."""
        yield self._always
        if pattern.begins and pattern.ends:
            return
        text = pattern.text
        if not (pattern.begins or pattern.ends) and text in self._whole:
            yield self._whole[text]
        for length in self._begin_lengths if not pattern.ends else ():
            if length <= len(text) and text[:length] in self._begin:
                yield self._begin[text[:length]]
        for length in self._end_lengths if not pattern.begins else ():
            if length <= len(text) and text[-length:] in self._end:
                yield self._end[text[-length:]]


def first_position(lists: Iterable[list[int]], fits: Callable[[int], bool]) -> int:
    """The first position of all that fits; NOWHERE if none does."""
    best = NOWHERE
    for positions in lists:
        for position in positions:
            if position >= best:
                break
            if fits(position):
                best = position
    return best
