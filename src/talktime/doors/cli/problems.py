"""What went wrong, in one sentence on standard error, and the exit code for it."""

import io
import os
import signal
import sys
import threading
from types import FrameType
from typing import Final

import typer

from talktime.doors.cli.answer import printable

UNUSABLE: Final = 1
INTERRUPTED: Final = 128 + signal.SIGINT

STOPPED: Final = "stopped; no half report was left behind"


class WrongUse(Exception):  # noqa: N818 - a sentence for people
    """Options that do not go together; exit code 2."""


class Unusable(Exception):  # noqa: N818 - a sentence for people
    """Input with nothing usable; exit code 1."""


def tell(text: str) -> None:
    """A sentence on standard error."""
    print(f"talktime: {printable(text)}", file=sys.stderr)  # noqa: T201 - the command's own voice


def guarded(app: typer.Typer) -> int:
    """Runs the app; returns its exit code. A closed pipe (`| head`) ends it quietly, Ctrl-C in one line.

    What could not be printed is met here: while Python ends it would be a traceback.
    """
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, _stop)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal that cannot show a sign gets a mark
    try:
        code = _code_of(app)
        sys.stdout.flush()
    except BrokenPipeError:
        _forget_output()
        return UNUSABLE
    except OSError as problem:
        tell(f"{problem.filename or 'the answer could not be printed'}: {problem.strerror or problem}")
        _forget_output()
        return UNUSABLE
    return code


def _stop(number: int, _: FrameType | None) -> None:
    """A request to end becomes an exception, so that half a report is taken away."""
    raise SystemExit(128 + number)


def _code_of(app: typer.Typer) -> int:
    try:
        app(prog_name="talktime")
    except SystemExit as end:
        if end.code == INTERRUPTED:  # what Ctrl-C has become inside of a command
            tell(STOPPED)
        return end.code if isinstance(end.code, int) else UNUSABLE
    except WrongUse as problem:
        tell(str(problem))
        return 2
    except Unusable as problem:
        tell(str(problem))
        return UNUSABLE
    except KeyboardInterrupt:
        tell(STOPPED)
        return INTERRUPTED
    except Exception as problem:  # noqa: BLE001 - what is no sentence for people is raised again
        return _known(problem)
    return 0


def _forget_output() -> None:
    """Lets what is still waiting to be printed go nowhere, so that the end of Python does not try again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _known(problem: Exception) -> int:
    """Faults whose message is a sentence for people; anything else is a fault of ours and is shown whole."""
    from talktime.accounts.tenant_file import TenantFileError
    from talktime.bulk.run import RefusedRun
    from talktime.catalog.load import CatalogueError
    from talktime.files.report import ReportError
    from talktime.files.usage import UnusableFile

    if isinstance(problem, (UnusableFile, TenantFileError, CatalogueError, ReportError)):
        tell(str(problem))
        return UNUSABLE
    if isinstance(problem, RefusedRun):
        tell(str(problem))
        return 2
    raise problem
