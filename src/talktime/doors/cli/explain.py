"""`talktime explain`: the chain of reasons of one call (domain.md 3, rulings.md 7)."""

from __future__ import annotations

from pathlib import Path

from talktime.doors.cli.answer import print_json
from talktime.doors.cli.problems import UNUSABLE, Unusable, WrongUse
from talktime.doors.cli.rate import LAST_RUN
from talktime.settings import read_settings


def explain_command(call: str, run: Path | None, *, as_json: bool) -> int:
    """Explains a call of a report, or of the last run. Several matches are listed and none is explained."""
    from rich.console import Console

    from talktime.doors.cli.show_call import show_explanation, show_matches
    from talktime.insight.explain import explain
    from talktime.insight.read_run import read_run

    saved = read_run(_report(run))
    found = saved.find(call)
    if not found.calls:
        raise Unusable(f"no call {call!r} in {saved.path}; give its id or call id, or how one of them begins")
    if found.total > 1:
        show_matches(Console(stderr=True), call, found)
        return UNUSABLE
    explanation = explain(found.calls[0], saved.document)
    if as_json:
        print_json(explanation.as_json())
    else:
        show_explanation(Console(), explanation)
    return 0


def _report(run: Path | None) -> Path:
    """The report that was named, else the last run in the state folder."""
    if run is not None:
        if not run.exists():
            raise WrongUse(f"--run {run}: no such file; name a report that `talktime rate --out` wrote")
        return run
    kept = read_settings().state / LAST_RUN
    if not kept.exists():
        raise WrongUse(
            "there is no last run to explain; run `talktime rate` first, or name a report with --run"
        )
    return kept
