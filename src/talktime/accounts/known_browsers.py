"""Browsers in which a person has signed in before: there, the guesses of others do not keep it out.

Whoever knows a name can keep its wait going by a wrong password now and then. So a browser that has signed in
keeps a word, which ends with the password: with it a few tries are taken during the wait, too.
"""

from __future__ import annotations

import hmac
from hashlib import sha256
from threading import Lock

from talktime.ledger.sign_ins import StoredPerson


class KnownBrowsers:
    """Words for browsers, and how often each person's was followed by a wrong password: `tries` at most.

    They are counted here until a right one comes or the process ends: who has stolen a word gains that much.
    """

    def __init__(self, tries: int) -> None:
        self._tries = tries
        self._wrong: dict[str, int] = {}
        self._lock = Lock()

    def word(self, person: StoredPerson | None) -> str:
        """What a browser may keep; "" for nobody and for who has no password."""
        if person is None or not person.hash:
            return ""
        said = f"known browser of {person.upn}"
        return hmac.new(person.hash.encode(), said.encode(), sha256).hexdigest()

    def knows(self, person: StoredPerson | None, word: str) -> bool:
        """Whether this person has signed in where the word comes from, and may go on trying there."""
        own = self.word(person)
        if person is None or not own or not hmac.compare_digest(own.encode(), word.encode()):
            return False
        with self._lock:
            return self._wrong.get(person.upn, 0) < self._tries

    def tried(self, upn: str, *, fits: bool) -> None:
        """A password came with the word."""
        with self._lock:
            if fits:
                self._wrong.pop(upn, None)
            else:
                self._wrong[upn] = self._wrong.get(upn, 0) + 1
