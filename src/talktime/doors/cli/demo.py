"""`talktime demo`: the demo tenant's calls, made, charged and written down; then, with its past, served."""

from __future__ import annotations

from pathlib import Path

from talktime.doors.cli.answer import printable
from talktime.doors.cli.problems import Unusable, WrongUse
from talktime.doors.cli.rate import rate_command
from talktime.doors.cli.rate_request import RateRequest

REPORT = "report.xlsx"


def demo_command(folder: Path, *, month: str | None, calls: int, seed: int, port: int | None) -> int:
    """Makes the month in a folder, charges it, writes the Excel report, and says what to try next.

    `port`: the tenant is put into the ledger and served there, with its calls from `month` (None: last month)
    up to now; None: no server, and `month` is that of the shipped file where none is named.
    """
    if port is None:
        from talktime.demo.tenant import OWN_MONTH

        return _made(folder, calls, seed, month or OWN_MONTH)[0]
    from talktime.doors.cli.demo_server import begin_demo, serve_demo

    begun = begin_demo(month, calls, seed)
    story = begun.story
    code, tenant = _made(folder, story.calls, story.seed, story.month, story.until_us)
    return code or serve_demo(begun, tenant, port)


def _made(folder: Path, calls: int, seed: int, month: str, until_us: int | None = None) -> tuple[int, Path]:
    """The files of the demo, charged and shown: the exit code and the tenant file."""
    from talktime.demo.days import MonthError
    from talktime.demo.folder import DemoFolderError, write_demo

    try:
        files = write_demo(folder, seed=seed, calls=calls, month=month, until_us=until_us)
    except MonthError as problem:
        raise WrongUse(str(problem)) from None
    except DemoFolderError as problem:
        raise Unusable(str(problem)) from None
    report = folder / REPORT
    code = rate_command(RateRequest(usage=[str(files.usage_csv)], tenant=files.tenant, out=report))
    _say_next(folder, files.usage_csv, files.tenant, files.usage_graph)
    return code, files.tenant


def _say_next(folder: Path, usage: Path, tenant: Path, graph: Path) -> None:
    tries = (
        ("what would it cost without plans and credits?", f"talktime rate {usage}"),
        ("and with 20 of credits?", f"talktime rate {graph} --tenant {tenant} --balance 20"),
        ("what to buy, which plan for whom, until when?", f"talktime plan {usage} --tenant {tenant}"),
        ("why does a call cost what it costs?", f"talktime explain {_example()}"),
        ("what is the price of a number?", "talktime rates lookup sample +442079460000"),
    )
    lines = ["", "Try next (`talktime` is in .venv/bin):"]
    for question, command in tries:
        lines += [f"  {question}", f"    {command}"]
    lines.append(f"Every call, pool and lot is in {folder / REPORT}.")
    print(printable("\n".join(lines)))  # noqa: T201 - the command's answer


def _example() -> str:
    """The id of the dearest call of the run that was just kept."""
    import polars as pl

    from talktime.doors.cli.rate_request import LAST_RUN
    from talktime.settings import read_settings

    kept = read_settings().state / LAST_RUN
    try:
        calls = pl.read_parquet(kept, columns=["id", "amount"])
    except (OSError, pl.exceptions.PolarsError):
        return "CALL"
    return str(calls.sort("amount", descending=True)["id"][0])
