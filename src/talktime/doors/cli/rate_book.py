"""`talktime rate` for many tenants: split, charge part by part, write as it goes, go on after a stop."""

from __future__ import annotations

import gc
import hashlib
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from talktime.doors.cli.answer import print_json, printable
from talktime.doors.cli.problems import Unusable, WrongUse, tell
from talktime.doors.cli.progress import Bar
from talktime.doors.cli.rate_request import LAST_RUN, currency_of, usage_frames
from talktime.settings import read_settings

if TYPE_CHECKING:
    import polars as pl

    from talktime.accounts.tenant import Tenant
    from talktime.bulk.charge_rows import TenantCharged
    from talktime.bulk.many import Charging
    from talktime.bulk.options import Options
    from talktime.bulk.result import BookRun
    from talktime.bulk.stages import Stages
    from talktime.bulk.work import Split, Work
    from talktime.catalog.model import Catalogue
    from talktime.core.deck import Deck
    from talktime.doors.cli.rate_request import RateRequest

KEPT_S: Final = 30 * 86_400
"""How long the work of a run that was not finished stays in the cache folder, in seconds."""

THREADS: Final = 2
"""Parts that are charged at once; each uses several cores where it can."""


@dataclass(frozen=True, slots=True)
class Rated:
    """What usage of many tenants is rated with. `warnings` are those of the deck."""

    tenants: Sequence[Tenant]
    catalogue: Catalogue
    deck: Deck
    options: Options
    warnings: tuple[str, ...]


def is_book(path: Path) -> bool:
    """Whether `--tenant` names many tenants: a folder, or JSON lines (`accounts.tenant_book`)."""
    names = {suffix.lower() for suffix in path.suffixes}
    return path.is_dir() or bool(names & {".jsonl", ".ndjson", ".json"})


def rate_book(request: RateRequest, rated: Rated, stages: Stages) -> int:
    """Charges the usage of many tenants and shows, prints or writes the result; returns the exit code."""
    from talktime.bulk.many import Charging
    from talktime.bulk.parts import ROWS_IN_MEMORY, Parts, about_rows, check_memory, part_count
    from talktime.bulk.run import setting_of
    from talktime.bulk.settle import is_compiled
    from talktime.bulk.work import Work
    from talktime.files.usage_paths import usage_paths

    _check_out(request)
    currency_of(request)  # refused before anything is read
    files = usage_paths(request.usage)
    _, rows = about_rows(files)
    with stages.measured("number the tenants", len(rated.tenants)):
        setting = setting_of(
            rated.tenants, rated.catalogue, rated.deck, rated.options, has_wallet=True, compiled=False
        )
    gc.freeze()  # tenants by the thousand live to the end: looking at them again and again takes seconds
    key = run_key(request, rated, files)
    folder = request.work or (read_settings().cache / "runs" / key[:16] if rows > ROWS_IN_MEMORY else None)
    if folder is not None and request.work is None:
        _forget_old_runs(folder.parent)
    with ExitStack() as held:
        work = None if folder is None else Work(folder, key)
        parts = Parts(part_count(rows, len(rated.tenants)), None if work is None else work.usage)
        charging = Charging(setting, rated.options, parts, THREADS, work, stages)
        if work is not None:
            held.enter_context(work.opened())
        split = _split(request, charging, work)
        check_memory(THREADS * max(parts.rows))
        charging.setting = replace(setting, compiled=is_compiled(sum(parts.rows)))
        run = _charged(request, rated, charging, split)
        if work is not None:
            work.remove()
    if read_settings().stages:
        for line in stages.lines():
            print(line, file=sys.stderr)  # noqa: T201 - asked for by the environment
    # The last run is this one, and it is not kept: an older one must not answer in its place.
    (read_settings().state / LAST_RUN).unlink(missing_ok=True)
    show(request, run)
    return 0


def _check_out(request: RateRequest) -> None:
    """Refuses a report that could not be written before any work is done."""
    from talktime.files.report import ReportError
    from talktime.files.usage_paths import usage_paths
    from talktime.files.write_parts import part_writer
    from talktime.insight.book import tenants_path

    if request.out is None:
        return
    try:
        part_writer(request.out)
    except ReportError as problem:
        raise WrongUse(f"--out {problem}") from None
    beside = tenants_path(request.out)
    if beside.is_dir():
        raise WrongUse(f"--out {request.out}: the tenants would be written to {beside}, which is a folder")
    read = [*usage_paths(request.usage), *(path for path in (request.tenant, request.column_map) if path)]
    if beside.exists() and any(path.exists() and path.samefile(beside) for path in read):
        raise WrongUse(
            f"--out {request.out}: the tenants would be written to {beside}, which is read by the same "
            "command; give the report another name"
        )


def run_key(request: RateRequest, rated: Rated, files: Sequence[Path]) -> str:
    """A digest of all that a run is made of: with another key, what was done so far is no use."""
    digest = hashlib.sha256()
    made_of = [
        _program(),
        rated.catalogue.digest,
        [rated.deck.name, rated.deck.version],
        [(str(path.resolve()), *_stamp(path)) for path in files],
        msgspec.to_builtins(rated.options),
        [request.currency, sorted(request.columns), request.preset],
        "" if request.column_map is None else request.column_map.read_text("utf-8"),
    ]
    digest.update(msgspec.json.encode(made_of))
    for tenant in rated.tenants:
        digest.update(msgspec.json.encode(tenant))
    return digest.hexdigest()


def _stamp(path: Path) -> tuple[int, int]:
    """Size and time of a file; who reads it says what is wrong with one that is not there."""
    try:
        found = path.stat()
    except OSError:
        return 0, 0
    return found.st_size, found.st_mtime_ns


def _program() -> str:
    """A digest of every file of the package: a run is not finished by other rules than it was begun with."""
    import talktime

    folder = Path(talktime.__file__).parent
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            digest.update(str(path.relative_to(folder)).encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()


def _forget_old_runs(runs: Path) -> None:
    """Removes work that nobody has touched for a month: it holds names and numbers of people."""
    oldest = time.time() - KEPT_S
    for folder in runs.iterdir() if runs.is_dir() else ():
        if folder.stat().st_mtime < oldest:
            shutil.rmtree(folder, ignore_errors=True)


def _split(request: RateRequest, charging: Charging, work: Work | None) -> Split:
    """Reads the usage into the parts, unless an earlier run has."""
    done = None if work is None else work.split()
    if done is not None:
        tell(f"going on with the run in {printable(str(work.folder if work else ''))}")
        charging.parts.rows[:] = done.rows
        charging.in_order = done.in_order
        return done

    with Bar("reading") as bar:
        stream = usage_frames(request, bar.update)
        charging.split(stream, currency_of(request))
    split = charging.noted(stream.notes(), in_order=not stream.late_files)
    refusal = refusal_of(request, charging, split)
    if refusal:
        if work is not None:  # nothing here that a later run could go on from
            work.remove()
        raise Unusable(refusal)
    if work is not None:
        work.keep_split(split)
    return split


def refusal_of(request: RateRequest, charging: Charging, split: Split) -> str:
    """Why usage that was read cannot be charged, or ""."""
    if not sum(charging.parts.rows):
        return _nothing(split)
    if request.currency is None and len(split.currencies) > 1:
        return (
            f"the usage mixes the currencies {', '.join(split.currencies)}; choose one with --currency, for "
            f"instance --currency {split.currencies[0]}"
        )
    return ""


def _nothing(split: Split) -> str:
    """Why no row can be charged."""
    if split.warnings:
        return f"no row of the usage can be charged: {'; '.join(split.warnings)}"
    if not split.rejected_rows:
        return "the usage holds no calls; export it again"
    first = split.rejected[0]
    return (
        f"no row of the usage can be used: {first.source} line {first.line}: {first.reason}; "
        f"{split.rejected_rows:,} rows were set aside"
    )


def _charged(request: RateRequest, rated: Rated, charging: Charging, split: Split) -> BookRun:
    """Charges all parts; writes their calls as they come, then the tenants."""
    from talktime.bulk.many import book_run

    tenants: list[TenantCharged] = []
    rows = sum(charging.parts.rows)

    with Bar("charging") as bar:

        def calls() -> Iterator[pl.DataFrame]:
            for charged in charging.charged(lambda done: bar.update(done, rows)):
                tenants.extend(charged.tenants)
                yield charged.calls

        if request.out is None:
            for _ in calls():
                pass
            return book_run(charging, split, tenants, rated.warnings)
        at_us = time.time_ns() // 1_000
        with charging.stages.measured("charge and write", rows):
            _write_calls(request.out, calls(), rated, at_us)
    run = book_run(charging, split, tenants, rated.warnings)
    write_tenants_of(request.out, run, at_us)
    return run


def _write_calls(out: Path, calls: Iterator[pl.DataFrame], rated: Rated, at_us: int) -> None:
    from talktime.files.write_parts import write_parts
    from talktime.insight.book import tenants_path
    from talktime.insight.run_document import book_document

    beside = tenants_path(out).name
    document: dict[str, Any] = msgspec.to_builtins(
        book_document(rated.deck, rated.catalogue.digest, beside, {}, at_us)
    )
    write_parts(out, calls, document, sample=rated.deck.sample)


def write_tenants_of(out: Path, run: BookRun, at_us: int) -> None:
    """Writes the tenants of a run beside its calls."""
    from talktime.insight.book import tenants_frame, tenants_path, write_tenants

    write_tenants(tenants_path(out), tenants_frame(run, {}, at_us))


def show(request: RateRequest, run: BookRun) -> None:
    """Shows or prints a run over many tenants."""
    if request.as_json:
        from talktime.insight.summary import summary

        print_json(summary(run))
        return
    from rich.console import Console

    from talktime.doors.cli.show_book import show_book
    from talktime.insight.book import tenants_path

    show_book(Console(), run)
    if request.out is not None:
        beside = printable(str(tenants_path(request.out)))
        print(f"\nThe calls are in {printable(str(request.out))}, the tenants in {beside}.")  # noqa: T201
