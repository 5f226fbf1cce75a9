"""The environment, read once: where state and ledger are kept, which catalogue lies over the shipped one."""

import os
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Outside:
    """What the environment says of the world outside: gateways, mail, where people find us, who sells.

    `smtp` is a URL, smtp://user:password@host:587 (STARTTLS), smtps:// (TLS) or smtp+plain://. `seller` is a
    TOML file with name, address, country, tax_id, `openid` one that says who else signs people in. Without
    any of it the sandbox takes no real money, mails wait, papers name no tax, and people have passwords.
    """

    base_url: str = "http://127.0.0.1:8081"
    smtp: str = field(default="", repr=False)
    mail_from: str = ""
    private_allowed: bool = False
    stripe_secret_key: str = field(default="", repr=False)
    stripe_webhook_secret: str = field(default="", repr=False)
    stripe_api_base: str = ""
    sandbox: bool = False
    seller: Path | None = None
    openid: Path | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """What the environment says. `state` holds the last run; `catalogue` is a folder of own data or None.

    `database` is the URL of the ledger; `ledger.database.open_url` reads it. `cache` holds what can be made
    again: compiled code. From `compile_calls` calls on a file is charged by the compiled loop; `stages`
    prints where the time of a run goes, as lines of JSON. `diameter` is the file of peers and identities.
    """

    state: Path
    catalogue: Path | None
    database: str
    slice_s: int = 600
    grace_s: int = 60
    cache: Path = Path()
    compile_calls: int = 500_000
    stages: bool = False
    diameter: Path | None = None
    outside: Outside = field(default_factory=Outside)


def read_settings() -> Settings:
    """TALKTIME_STATE, else XDG_STATE_HOME/talktime, else ~/.local/state/talktime; TALKTIME_CATALOGUE.

    TALKTIME_DATABASE, else the file talktime.db in the state folder. TALKTIME_SLICE_S and TALKTIME_GRACE_S:
    the longest grant and the silence after it in seconds (rulings.md 22 and 23). TALKTIME_CACHE, else
    XDG_CACHE_HOME/talktime, else ~/.cache/talktime. TALKTIME_COMPILE_CALLS: 0 compiles always.
    TALKTIME_DIAMETER: the settings of `serve --diameter` (docs/diameter.md).
    TALKTIME_BASE_URL, TALKTIME_SMTP, TALKTIME_MAIL_FROM, TALKTIME_PRIVATE_ADDRESSES, TALKTIME_SANDBOX,
    TALKTIME_STRIPE_SECRET_KEY, TALKTIME_STRIPE_WEBHOOK_SECRET, TALKTIME_SELLER, TALKTIME_OPENID: see
    `Outside`. Raises ValueError.
    """
    environment = os.environ
    diameter = environment.get("TALKTIME_DIAMETER")
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
        diameter=Path(diameter) if diameter else None,
        outside=_outside(),
    )


def _outside() -> Outside:
    environment = os.environ
    seller, openid = environment.get("TALKTIME_SELLER"), environment.get("TALKTIME_OPENID")
    return Outside(
        base_url=(environment.get("TALKTIME_BASE_URL") or "http://127.0.0.1:8081").rstrip("/"),
        smtp=environment.get("TALKTIME_SMTP", ""),
        mail_from=environment.get("TALKTIME_MAIL_FROM", ""),
        private_allowed=bool(environment.get("TALKTIME_PRIVATE_ADDRESSES")),
        stripe_secret_key=environment.get("TALKTIME_STRIPE_SECRET_KEY", ""),
        stripe_webhook_secret=environment.get("TALKTIME_STRIPE_WEBHOOK_SECRET", ""),
        stripe_api_base=environment.get("TALKTIME_STRIPE_API_BASE", ""),
        sandbox=bool(environment.get("TALKTIME_SANDBOX")),
        seller=Path(seller) if seller else None,
        openid=Path(openid) if openid else None,
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
