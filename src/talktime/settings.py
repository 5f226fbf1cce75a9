"""The environment, read once: where state and ledger are kept, which catalogue lies over the shipped one."""

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Settings:
    """What the environment says. `state` holds the last run; `catalogue` is a folder of own data or None.

    `database` is the URL of the ledger; `ledger.database.open_url` reads it.
    """

    state: Path
    catalogue: Path | None
    database: str
    slice_s: int = 600
    grace_s: int = 60


def read_settings() -> Settings:
    """TALKTIME_STATE, else XDG_STATE_HOME/talktime, else ~/.local/state/talktime; TALKTIME_CATALOGUE.

    TALKTIME_DATABASE, else the file talktime.db in the state folder. TALKTIME_SLICE_S and TALKTIME_GRACE_S:
    the longest grant and the silence after it in seconds (rulings.md 22 and 23). Raises ValueError.
    """
    environment = os.environ
    if environment.get("TALKTIME_STATE"):
        state = Path(environment["TALKTIME_STATE"])
    elif environment.get("XDG_STATE_HOME"):
        state = Path(environment["XDG_STATE_HOME"]) / "talktime"
    else:
        state = Path(os.path.expanduser("~")) / ".local" / "state" / "talktime"  # noqa: PTH111 - never raises
    folder = environment.get("TALKTIME_CATALOGUE")
    return Settings(
        state=state,
        catalogue=Path(folder) if folder else None,
        database=environment.get("TALKTIME_DATABASE") or f"sqlite:///{state / 'talktime.db'}",
        slice_s=_seconds("TALKTIME_SLICE_S", 600),
        grace_s=_seconds("TALKTIME_GRACE_S", 60),
    )


def _seconds(name: str, usual_s: int) -> int:
    """A number of seconds between 1 and a day. Raises ValueError naming the variable."""
    text = os.environ.get(name)
    if not text:
        return usual_s
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 86_400):
        raise ValueError(f"{name} is {text!r}; write whole seconds from 1 to 86400")
    return int(text)
