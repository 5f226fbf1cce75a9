"""The first person of an installation: where nobody can sign in yet, an invitation lies beside the first key.

As long as nobody has used it, each start makes another one in its place: links grow old.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Final

from talktime.accounts.signing_in import SigningIn
from talktime.catalog.side import load_roles
from talktime.doors.http.management.sign_ins import INVITATION_PATH
from talktime.ledger.commands import Refused
from talktime.ledger.database import open_url

if TYPE_CHECKING:
    from pathlib import Path

    from talktime.settings import Settings

FIRST_PERSON: Final = "provider@localhost"
"""Whom the first invitation is for; people with names of their own are invited by it, or on this machine."""

FILE: Final = "first-sign-in"


def first_invitation(settings: Settings, folder: Path, base_url: str) -> Path | None:
    """Invites a first person for everything where nobody can sign in yet; returns the file with the link.

    The file is readable by its owner only, and the link stands nowhere else. The schema is up to date.
    """
    signing_in = SigningIn(open_url(settings.database), _now_us)
    if signing_in.is_anybody():
        return None
    token = signing_in.invite(FIRST_PERSON, roles=load_roles().assumed("installation"))
    assert not isinstance(token, Refused), token
    folder.mkdir(parents=True, exist_ok=True)
    place = folder / FILE
    own = place.with_name(f"{FILE}.new")
    own.unlink(missing_ok=True)
    with os.fdopen(os.open(own, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(f"{base_url.rstrip('/')}{INVITATION_PATH}{token}\n")
    own.replace(place)
    return place


def _now_us() -> int:
    return time.time_ns() // 1_000
