"""`talktime verify` and `talktime db ...`: is the ledger right, and is there a copy of it?

What keeps a command from looking at all is wrong use (2); a ledger that differs from its journal is 1.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import time_ns
from typing import TYPE_CHECKING, Final

from talktime.doors.cli.answer import print_json, printable
from talktime.doors.cli.problems import WrongUse

if TYPE_CHECKING:
    from talktime.ledger.backup import Copied
    from talktime.ledger.database import DatabaseUrl
    from talktime.ledger.verify import Verified

SHOWN_DIFFERENCES: Final = 20


def verify_command(database: str | None, checkpoints: Path | None, *, as_json: bool) -> int:
    """Verifies the ledger; 1 where something differs. Without a folder the daily checkpoints are compared."""
    from talktime.ledger.checkpoints import PATTERN, checkpoint_files, own_folder
    from talktime.ledger.verify import verify
    from talktime.settings import read_settings

    with _answering():
        url = database_url(database)
        if checkpoints is None:
            daily = own_folder(read_settings().state, url)
            checkpoints = daily if any(daily.glob(PATTERN)) else None
        files = [] if checkpoints is None else checkpoint_files(checkpoints)
        verified = verify(url, files)
    if as_json:
        print_json(_json(verified) | {"checkpoints": len(files)})
    else:
        _say(_told(verified))
        if files:
            _say(f"compared with {_counted(len(files), 'checkpoint')}, the newest {files[-1].name}")
    return 0 if verified.is_clean else 1


def upgrade_command(database: str | None, *, as_json: bool) -> int:
    """Makes the database or brings its schema to the newest step."""
    from talktime.ledger.database import revision, upgrade

    with _answering():
        url = database_url(database)
        before = revision(url)
        upgrade(url)
        after = revision(url)
    if as_json:
        print_json({"database": str(url), "before": before.current, "current": after.current})
    elif before.current == after.current:
        _say(f"{url} stands at step {after.current}, the newest; nothing to do")
    else:
        _say(f"{url} stands at step {after.current} now (before: {before.current or 'empty'})")
    return 0


def revision_command(database: str | None, *, as_json: bool) -> int:
    """Tells the step of the schema; 1 where it is not the newest."""
    from talktime.ledger.database import revision

    with _answering():
        url = database_url(database)
        stands = revision(url)
    if as_json:
        print_json({"database": str(url), "current": stands.current, "newest": stands.head})
    elif stands.current == stands.head:
        _say(f"{url} stands at step {stands.current}, the newest")
    else:
        _say(f"{url} stands at step {stands.current or 'empty'}, the newest is {stands.head}")
    return 0 if stands.current == stands.head else 1


def backup_command(database: str | None, file: Path, *, as_json: bool) -> int:
    """Copies the ledger into a new file; 1 where the copy differs from its journal."""
    from talktime.ledger.backup import backup

    with _answering():
        copied = backup(database_url(database), file)
    return _copied(copied, "backup", as_json=as_json)


def restore_command(database: str | None, file: Path, *, force: bool, as_json: bool) -> int:
    """Puts a backup in the place of the ledger; 1 where it differs from its journal."""
    from talktime.ledger.backup import restore

    with _answering():
        copied = restore(database_url(database), file, force=force, now_us=_now_us())
    if copied.replaced is not None and not as_json:
        _say(f"the ledger that was there is {copied.replaced} now")
    return _copied(copied, "ledger", as_json=as_json)


def checkpoint_command(database: str | None, folder: Path, *, as_json: bool) -> int:
    """Writes a checkpoint."""
    from talktime.ledger.checkpoints import checkpoint

    with _answering():
        path = checkpoint(database_url(database), folder, _now_us())
    if as_json:
        print_json({"checkpoint": str(path)})
    else:
        _say(f"checkpoint {path}; keep a copy where nobody who may write the ledger can change it")
    return 0


def database_url(database: str | None) -> DatabaseUrl:
    """The database of an option, else of the environment. Raises DatabaseError for a URL of none."""
    from talktime.ledger.database import open_url
    from talktime.settings import read_settings

    return open_url(read_settings().database if database is None else database)


@contextmanager
def _answering() -> Iterator[None]:
    """Faults whose message is a sentence for people end as wrong use."""
    from talktime.ledger.checkpoints import CheckpointError
    from talktime.ledger.database import DatabaseError

    try:
        yield
    except (DatabaseError, CheckpointError) as problem:
        raise WrongUse(str(problem)) from None


def _copied(copied: Copied, what: str, *, as_json: bool) -> int:
    if as_json:
        replaced = None if copied.replaced is None else str(copied.replaced)
        print_json({what: str(copied.path), "replaced": replaced, **_json(copied.verified)})
    else:
        _say(f"{what} {copied.path}: {_told(copied.verified)}")
    return 0 if copied.verified.is_clean else 1


def _told(verified: Verified) -> str:
    read = ", ".join(
        (
            _counted(verified.tenants, "tenant"),
            _counted(verified.entries, "entry", "entries"),
            _counted(verified.charges, "charge"),
            _counted(verified.sessions, "session"),
        )
    )
    if verified.is_clean:
        return f"{read}: all is as the journal says"
    lines = [f"{read}: {_counted(verified.found, 'difference')}"]
    lines += [f"  {difference}" for difference in verified.differences[:SHOWN_DIFFERENCES]]
    rest = verified.found - SHOWN_DIFFERENCES
    if rest > 0:
        lines.append(f"  and {rest:,} more; --json lists up to 1,000")
    return "\n".join(lines)


def _json(verified: Verified) -> dict[str, object]:
    return {
        "tenants": verified.tenants,
        "entries": verified.entries,
        "charges": verified.charges,
        "sessions": verified.sessions,
        "found": verified.found,
        "differences": [
            {"tenant": d.tenant, "what": d.what, "stored": d.stored, "rebuilt": d.rebuilt}
            for d in verified.differences
        ],
    }


def _counted(number: int, one: str, many: str = "") -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def _now_us() -> int:
    return time_ns() // 1_000


def _say(text: str) -> None:
    print(printable(text))  # noqa: T201 - the command's answer
