"""What went wrong, in one sentence on standard error, and the exit code for it."""

import os
import signal
import sys
from typing import Final

import typer

UNUSABLE: Final = 1
INTERRUPTED: Final = 128 + signal.SIGINT


class WrongUse(Exception):  # noqa: N818 - a sentence for people
    """Options that do not go together; exit code 2."""


class Unusable(Exception):  # noqa: N818 - a sentence for people
    """Input with nothing usable; exit code 1."""


def tell(text: str) -> None:
    """One line on standard error."""
    print(f"talktime: {text}", file=sys.stderr)  # noqa: T201 - the command's own voice


def guarded(app: typer.Typer) -> int:
    """Runs the app; returns its exit code. A closed pipe (`| head`) and Ctrl-C end it quietly."""
    try:
        app()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else UNUSABLE
    except WrongUse as problem:
        tell(str(problem))
        return 2
    except Unusable as problem:
        tell(str(problem))
        return UNUSABLE
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return UNUSABLE
    except KeyboardInterrupt:
        tell("stopped; nothing was written")
        return INTERRUPTED
    except Exception as problem:  # noqa: BLE001 - what is no sentence for people is raised again
        return _known(problem)
    return 0


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
