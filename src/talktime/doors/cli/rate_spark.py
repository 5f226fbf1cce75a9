"""`talktime rate --engine spark`: usage that does not fit one machine, charged on a cluster (docs/spark.md).

The answer is that of the local engine. With a folder for `--out` each task writes its own file into it; with
a file the calls come back to this machine and are written as the local engine writes them.
"""

from __future__ import annotations

import secrets
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from talktime.doors.cli.problems import Unusable, WrongUse
from talktime.doors.cli.rate_book import Rated, is_book, refusal_of, show, write_tenants_of
from talktime.doors.cli.rate_request import (
    RateRequest,
    check_out,
    columns_of,
    currency_of,
    deck_of,
    existing,
    options_of,
)
from talktime.settings import read_settings

if TYPE_CHECKING:
    import polars as pl

    from talktime.accounts.tenant import Tenant
    from talktime.bulk.result import BookRun
    from talktime.catalog.model import Catalogue
    from talktime.files.usage_formats import UsageFormat


def rate_on_spark(request: RateRequest, master: str | None) -> int:
    """Charges the usage on Spark and shows, prints or writes the result; returns the exit code."""
    from talktime.bulk.spark.session import NoSpark

    if request.tenant is None:
        raise WrongUse("--engine spark needs --tenant: a tenant file, a folder of them, or JSON lines")
    if request.work is not None:
        raise WrongUse("--work goes with --engine local; on Spark lost work is done again by itself")
    try:
        run = _rated(request, request.tenant, master)
    except NoSpark as problem:
        raise WrongUse(str(problem)) from None
    show(request, run)
    return 0


def _rated(request: RateRequest, path: Path, master: str | None) -> BookRun:
    from talktime.bulk.many import book_run
    from talktime.bulk.run import setting_of
    from talktime.bulk.spark.job import Output
    from talktime.bulk.spark.run import SparkRun
    from talktime.bulk.spark.session import check_spark, open_session
    from talktime.files.usage_paths import usage_paths

    check_spark(master)
    to_folder = _is_folder(request)
    rated = _what(request, path)
    paths, chosen = usage_paths(request.usage), _chosen(request)
    setting = setting_of(
        rated.tenants, rated.catalogue, rated.deck, rated.options, has_wallet=True, compiled=False
    )
    at_us = time.time_ns() // 1_000
    with open_session(master) as spark:
        run = SparkRun(spark, setting, rated.options, currency_of(request))
        try:
            split = run.read(paths, chosen)
            refusal = refusal_of(request, run.charging, split)
            if refusal:
                raise Unusable(refusal)
            with _parts(request.out) as folder:
                document = _document(request.out, rated, at_us)
                written = document if to_folder else None
                output = None if folder is None else Output(str(folder), written, rated.deck.sample)
                tenants = run.charge(output)
                _put(request.out, folder, document, sample=rated.deck.sample, to_folder=to_folder)
        finally:
            run.close()
    done = book_run(run.charging, split, tenants, rated.warnings)
    if request.out is not None:
        write_tenants_of(request.out, done, at_us)
    return done


def _what(request: RateRequest, path: Path) -> Rated:
    """What the usage is rated with; rows that name no tenant are the only one's, where there is one."""
    from talktime.accounts.tenant_book import read_tenants
    from talktime.accounts.tenant_file import read_tenant
    from talktime.catalog.load import load_catalogue

    catalogue: Catalogue = load_catalogue(read_settings().catalogue)
    options = options_of(request)
    if is_book(existing(path, "tenants")):
        tenants: Sequence[Tenant] = read_tenants(path, catalogue)
        deck, warnings = deck_of(request, None)
        return Rated(tenants, catalogue, deck, options, warnings)
    tenant = read_tenant(path, catalogue)
    deck, warnings = deck_of(request, tenant)
    return Rated((tenant,), catalogue, deck, options, warnings)


def _chosen(request: RateRequest) -> UsageFormat | None:
    from talktime.files.column_map import chosen_format
    from talktime.files.usage import UnusableFile

    columns = columns_of(request.columns)
    try:
        chosen_format(None, columns, request.preset)
    except UnusableFile as problem:
        raise WrongUse(str(problem)) from None
    map_file = None if request.column_map is None else existing(request.column_map, "column map")
    return chosen_format(map_file, columns, request.preset)


# --- the report ----------------------------------------------------------------------------------


def _is_folder(request: RateRequest) -> bool:
    """Whether the report is a folder: a name without an ending, or an empty folder.

    Raises WrongUse for one that could not be written.
    """
    from talktime.files.report import ReportError
    from talktime.files.write_parts import part_writer

    out = request.out
    if out is None:
        return False
    if out.suffix and not out.is_dir():
        check_out(out, request)
        try:
            part_writer(out)
        except ReportError as problem:
            raise WrongUse(f"--out {problem}") from None
        return False
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        raise WrongUse(f"--out {out}: something is there; name a new folder, or an empty one")
    if not out.parent.is_dir():
        raise WrongUse(f"--out {out}: there is no folder {out.parent}; make it first")
    return True


@contextmanager
def _parts(out: Path | None) -> Iterator[Path | None]:
    """A folder beside the report for what the tasks write; afterwards it is gone, or is the report."""
    if out is None:
        yield None
        return
    place = out.absolute()
    folder = place.with_name(f".{place.name[:180]}.{secrets.token_hex(4)}.part")
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _document(out: Path | None, rated: Rated, at_us: int) -> dict[str, Any]:
    from talktime.insight.book import tenants_path
    from talktime.insight.run_document import book_document

    beside = "" if out is None else tenants_path(out).name
    document: dict[str, Any] = msgspec.to_builtins(
        book_document(rated.deck, rated.catalogue.digest, beside, {}, at_us)
    )
    return document


def _put(
    out: Path | None, folder: Path | None, document: dict[str, Any], *, sample: bool, to_folder: bool
) -> None:
    """What the tasks wrote becomes the report."""
    from talktime.files.write_parts import write_parts

    if out is None or folder is None:
        return
    if to_folder:
        folder.replace(out)
    else:
        write_parts(out, _written(folder), document, sample=sample)


def _written(folder: Path) -> Iterator[pl.DataFrame]:
    import polars as pl

    for path in sorted(folder.glob("*.arrow")):
        yield pl.read_ipc(path)
