"""Passwords of people who sign in: what one may be, and its Argon2 hash.

What a guess costs stands in `Cost` and in each hash: one of another cost is made anew at its next use.
Hashing takes memory, so few are hashed at a time, and a storm of guesses waits.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from secrets import token_hex
from threading import BoundedSemaphore
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError

SHORTEST: Final = 12
LONGEST: Final = 200
"""Characters of a password."""

AT_A_TIME: Final = 2
PATIENCE_S: Final = 5.0
"""Seconds that a password waits for its turn."""


class TooManyPasswords(Exception):  # noqa: N818 - a refusal
    """More people sign in at once than there is memory for."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What a guess costs: rounds over this many KiB of memory, about 25 ms on one core."""

    rounds: int = 2
    memory_kib: int = 19_456


class Passwords:
    """Hashes passwords and checks them. The methods block; they raise TooManyPasswords."""

    def __init__(self, cost: Cost) -> None:
        self._hasher = PasswordHasher(cost.rounds, cost.memory_kib, parallelism=1)
        self._turn = BoundedSemaphore(AT_A_TIME)
        self._nobodys = ""

    def hashed(self, password: str) -> str:
        """The hash to store: it names its own cost and salt."""
        with self._turns():
            return self._hasher.hash(normal(password))

    def fits(self, stored: str, password: str) -> bool:
        """Whether it is the password of this hash; "" is nobody's and takes as long."""
        if not self._nobodys:
            self._nobodys = self.hashed(token_hex(16))
        given = normal(password)
        with self._turns():
            try:
                self._hasher.verify(stored or self._nobodys, given[:LONGEST])
            except (VerifyMismatchError, InvalidHashError):
                return False
        return bool(stored) and len(given) <= LONGEST

    def is_stale(self, stored: str) -> bool:
        """Whether the hash was made at another cost than today's."""
        return self._hasher.check_needs_rehash(stored)

    def _turns(self) -> _Turn:
        return _Turn(self._turn)


class _Turn:
    """One of the few places to hash in."""

    def __init__(self, places: BoundedSemaphore) -> None:
        self._places = places

    def __enter__(self) -> None:
        if not self._places.acquire(timeout=PATIENCE_S):
            raise TooManyPasswords("more people sign in than there is room for; try again in a moment")

    def __exit__(self, *_: object) -> None:
        self._places.release()


def normal(password: str) -> str:
    """The same text for the same password, however a keyboard composes its letters."""
    return unicodedata.normalize("NFKC", password)


def fault_of(password: str, upn: str) -> str:
    """Why this cannot be the password of a person: a sentence, or ""."""
    chosen = normal(password)
    if len(chosen) < SHORTEST:
        return f"the password has {len(chosen)} characters; choose {SHORTEST} or more"
    if len(chosen) > LONGEST:
        return f"the password has {len(chosen)} characters; choose {LONGEST} or fewer"
    if chosen.strip().casefold() == upn.casefold():
        return "the password is the name to sign in with; choose another one"
    if len(set(chosen)) == 1:
        return "the password repeats one character; choose another one"
    return ""
