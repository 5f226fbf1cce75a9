"""The environment, read once: where state and ledger are kept, which catalogue lies over the shipped one."""

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Settings:
    """What the environment says. `state` holds the last run; `catalogue` is a folder of own data or None.

    `database` is the URL of the ledger; `ledger.database.open_url` reads it. `cache` holds what can be made
    again: compiled code. From `compile_calls` calls on a file is charged by the compiled loop; `stages`
    prints where the time of a run goes, as lines of JSON.
    """

    state: Path
    catalogue: Path | None
    database: str
    slice_s: int = 600
    grace_s: int = 60
    cache: Path = Path()
    compile_calls: int = 500_000
    stages: bool = False


def read_settings() -> Settings:
    """TALKTIME_STATE, else XDG_STATE_HOME/talktime, else ~/.local/state/talktime; TALKTIME_CATALOGUE.

    TALKTIME_DATABASE, else the file talktime.db in the state folder. TALKTIME_SLICE_S and TALKTIME_GRACE_S:
    the longest grant and the silence after it in seconds (rulings.md 22 and 23). TALKTIME_CACHE, else
    XDG_CACHE_HOME/talktime, else ~/.cache/talktime. TALKTIME_COMPILE_CALLS: 0 compiles always.
    Raises ValueError.
    """
    environment = os.environ
    state = _folder("TALKTIME_STATE", "XDG_STATE_HOME", (".local", "state"))
    folder = environment.get("TALKTIME_CATALOGUE")
    return Settings(
        state=state,
        catalogue=Path(folder) if folder else None,
        database=environment.get("TALKTIME_DATABASE") or f"sqlite:///{state / 'talktime.db'}",
        slice_s=_seconds("TALKTIME_SLICE_S", 600),
        grace_s=_seconds("TALKTIME_GRACE_S", 60),
        cache=_folder("TALKTIME_CACHE", "XDG_CACHE_HOME", (".cache",)),
        compile_calls=_calls("TALKTIME_COMPILE_CALLS", 500_000),
        stages=bool(environment.get("TALKTIME_STAGES")),
    )


def _folder(own: str, common: str, usual: tuple[str, ...]) -> Path:
    """The folder that our variable names, else ours in the one that all programs share, else in the home."""
    if os.environ.get(own):
        return Path(os.environ[own])
    if os.environ.get(common):
        return Path(os.environ[common]) / "talktime"
    return Path(os.path.expanduser("~")).joinpath(*usual, "talktime")  # noqa: PTH111 - never raises


def _calls(name: str, usual: int) -> int:
    """A number of calls, from 0. Raises ValueError naming the variable."""
    text = os.environ.get(name)
    if not text:
        return usual
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise ValueError(f"{name} is {text!r}; write a whole number of calls from 0")
    return int(text)


def _seconds(name: str, usual_s: int) -> int:
    """A number of seconds between 1 and a day. Raises ValueError naming the variable."""
    text = os.environ.get(name)
    if not text:
        return usual_s
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 86_400):
        raise ValueError(f"{name} is {text!r}; write whole seconds from 1 to 86400")
    return int(text)
