"""`talktime diameter explain`: how a capture is understood, message by message, then session by session."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

from talktime.doors.cli.answer import print_json
from talktime.doors.cli.diameter_check import usable_settings
from talktime.doors.cli.ledger import database_url
from talktime.doors.cli.problems import Unusable
from talktime.settings import read_settings

if TYPE_CHECKING:
    from pathlib import Path

    from talktime.catalog.model import Catalogue
    from talktime.doors.diameter.explain_ledger import LedgerJudge
    from talktime.ledger.database import DatabaseUrl

NO_MESSAGES: Final = "there is no Diameter message in it"


def explain_command(named: str, file: Path | None, database: str | None, *, as_json: bool) -> int:
    """Explains a capture by the settings of an option, else of the environment, else by none."""
    from rich.console import Console

    from talktime.catalog.load import load_catalogue
    from talktime.doors.cli.show_diameter import explanation_json, show_explanation
    from talktime.doors.diameter.capture_files import CaptureError
    from talktime.doors.diameter.captures import read_capture
    from talktime.doors.diameter.explain import explain
    from talktime.ledger.store import StoreAway

    environment = read_settings()
    catalogue = load_catalogue(environment.catalogue)
    path = file or environment.diameter
    settings = None if path is None else usable_settings(path, catalogue)
    try:
        capture = read_capture(named, sys.stdin.buffer)
    except CaptureError as error:
        raise Unusable(str(error)) from None
    if not capture.messages:
        raise Unusable("; ".join((f"{named[:200]}: {NO_MESSAGES}", *capture.notes)))
    judge, note = (None, "") if settings is None else _judge(database_url(database), catalogue)
    try:
        explanation = explain(capture, settings, judge)
    except StoreAway as error:
        raise Unusable(f"the ledger: {error}") from None
    if note:
        explanation = explanation._replace(notes=(*explanation.notes, note))
    if as_json:
        print_json(explanation_json(explanation, path))
    else:
        show_explanation(Console(), explanation)
    return 0


def _judge(url: DatabaseUrl, catalogue: Catalogue) -> tuple[LedgerJudge | None, str]:
    """Who knows the tenants; None, and a sentence why, where there is no ledger to ask."""
    from talktime.doors.diameter.explain_ledger import LedgerJudge
    from talktime.ledger.database import DatabaseError, check_current
    from talktime.ledger.store import StoreAway

    try:
        check_current(url)
        return LedgerJudge(url, catalogue), ""
    except (DatabaseError, StoreAway) as error:
        return None, f"categories and rates are not told: {error}"
