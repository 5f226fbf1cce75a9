"""`talktime explain`: the chain of reasons of one call, of a run or the ledger (rulings.md 7)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from talktime.doors.cli.answer import print_json
from talktime.doors.cli.engine import ledger_faults
from talktime.doors.cli.ledger import database_url
from talktime.doors.cli.problems import UNUSABLE, Unusable, WrongUse
from talktime.doors.cli.rate_request import LAST_RUN
from talktime.settings import read_settings

if TYPE_CHECKING:
    from talktime.insight.explain import Explanation
    from talktime.ledger.database import DatabaseUrl

NO_RUN: Final = "there is no last run to explain; run `talktime rate` first, or name a report with --run"
WHAT_TO_GIVE: Final = "give its id or call id, or how one of them begins"
TENANTS_NAMED: Final = 10


def explain_command(call: str, run: Path | None, tenant: str, database: str | None, *, as_json: bool) -> int:
    """Explains a call of a report, else of the last run, else of the ledger.

    A tenant or a database asks for the ledger. Several matches are listed and none is explained.
    """
    from rich.console import Console

    from talktime.doors.cli.show_call import show_explanation, show_matches
    from talktime.insight.explain import explain
    from talktime.insight.read_run import read_run

    report = None if run is None and (tenant or database) else _report(run)
    saved = None if report is None else read_run(report)
    found = None if saved is None else saved.find(call, tenant)
    if saved is not None and found is not None and found.calls:
        if found.total > 1:
            show_matches(Console(stderr=True), call, found)
            return UNUSABLE
        explanation = explain(found.calls[0], saved.document_for(found.calls[0]))
    else:
        explanation = _of_ledger(call, run, report, tenant, database)
    if as_json:
        print_json(explanation.as_json())
    else:
        show_explanation(Console(), explanation)
    return 0


def _report(run: Path | None) -> Path | None:
    """The report that was named, else the last run in the state folder, None where there is none."""
    if run is not None:
        if not run.exists():
            raise WrongUse(f"--run {run}: no such file; name a report that `talktime rate --out` wrote")
        return run
    kept = read_settings().state / LAST_RUN
    return kept if kept.exists() else None


def _of_ledger(
    call: str, run: Path | None, report: Path | None, tenant: str, database: str | None
) -> Explanation:
    """Explains a call of the ledger. Raises WrongUse or Unusable where nobody knows it."""
    from talktime.ledger.database import revision

    absent = f"no call {call!r} in {report}; {WHAT_TO_GIVE}"
    if run is not None:
        raise Unusable(absent)
    with ledger_faults():
        url = database_url(database)
        if revision(url).current is None:
            raise WrongUse(NO_RUN) if report is None else Unusable(absent)
        found = _kept(url, call.strip(), tenant)
    if found is not None:
        return found
    of = f" of tenant {tenant}" if tenant else ""
    where = "" if report is None else f" and in {report}"
    raise Unusable(f"no call {call!r}{of} in the ledger {url}{where}; give the whole call id")


def _kept(url: DatabaseUrl, call: str, named: str) -> Explanation | None:
    from talktime.accounts.documents import tenant_of
    from talktime.catalog.load import load_catalogue
    from talktime.catalog.side import load_masking
    from talktime.insight.explain_call import explain_call, facts_of
    from talktime.insight.usage_rows import UsageRows
    from talktime.ledger.database import check_current
    from talktime.ledger.decks import Decks
    from talktime.ledger.find_call import tenants_of_call
    from talktime.ledger.reading import Reader, SeveralRows

    check_current(url)
    owners = [named] if named else tenants_of_call(url, call, TENANTS_NAMED)
    if len(owners) > 1:
        raise Unusable(f"several tenants have a call {call!r}: name one by --tenant: {', '.join(owners)}")
    reader = Reader(url)
    try:
        kept = reader.call(owners[0], call) if owners else None
    except SeveralRows as several:
        raise Unusable(str(several)) from None
    wallet = reader.wallet(owners[0]) if owners else None
    documents = reader.documents(owners[0]) if owners else None
    if kept is None or wallet is None or documents is None:
        return None
    tenant = tenant_of(documents.tenant, documents.users, documents.service_numbers)
    rows = UsageRows(tenant, load_catalogue(read_settings().catalogue), load_masking())
    facts = facts_of(kept)
    deck = None if facts is None or not facts.deck else Decks(url).kept(facts.deck)
    return explain_call(kept, wallet, deck, rows)
