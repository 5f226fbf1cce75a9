"""Months for accounting: which are closed, closing one, and the journal of one by account."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Depends, Query, Response
from fastapi.responses import JSONResponse

from talktime.accounts.calendar import month_name
from talktime.doors.http.management.answers_papers import (
    JournalAnswer,
    MonthAnswer,
    MonthList,
)
from talktime.doors.http.management.house import CallerOf, InHouse, done, may, read, who
from talktime.doors.http.management.pages import Key
from talktime.doors.http.management.papers import CSV, file_answer
from talktime.doors.http.management.shown_money import month_shown
from talktime.doors.http.management.texts import (
    Cursor,
    Limit,
    PathMonth,
    month_number,
    next_of,
    place_of,
)
from talktime.funding.closing import MonthClosing, reading_aside, reading_in_thread
from talktime.funding.month_close import MONTH_CLOSE, read_month_close
from talktime.funding.month_journal import journal_csv, journal_values, read_month_journal
from talktime.ledger.month_reading import MonthReader

router = APIRouter(prefix="/v1/tenants/{tenant}/months", tags=["months"])

SeesInvoices = Annotated[str, Depends(may("see_invoices"))]
SeesEntries = Annotated[str, Depends(may("see_entries"))]
Closes = Annotated[str, Depends(may("close_month"))]


def _month(month: PathMonth) -> int:
    number = month_number(month)
    assert number is not None, "the path takes sound months only"
    return number


MonthOf = Annotated[int, Depends(_month)]
"""A billing month of the path, as the calendar counts it."""

_JOURNAL: Final[dict[int | str, dict[str, Any]]] = {
    200: {"model": JournalAnswer, "content": {CSV: {"schema": {"type": "string"}}}}
}


@router.get("")
async def list_months(
    house: InHouse, tenant: SeesInvoices, limit: Limit = 100, cursor: Cursor = ""
) -> MonthList:
    """The months that were closed, newest first."""
    before = place_of(cursor, Key, "")
    found = await read(house.reader.papers, tenant, MONTH_CLOSE, before, limit, newest=True)
    if not found:
        await house.known(tenant)
    return MonthList(
        months=[month_shown(read_month_close(each.document)) for each in found],
        next=next_of(found[-1].key) if len(found) == limit else None,
    )


@router.post("/{month}/close", status_code=201, responses={200: {"model": MonthAnswer}})
async def close_month(
    house: InHouse, principal: CallerOf, tenant: Closes, month: MonthOf, response: Response
) -> MonthAnswer:
    """Closes a month and issues its invoice; 200 where it was closed before, and nothing is changed.

    409 too early, with an open call, out of order, or where charges and journal do not agree.
    """
    months, exports = MonthReader(house.url), house.means.exports
    reading = (
        reading_in_thread(months, house.desk.catalogue)
        if exports is None
        else reading_aside(house.url, exports.settings.catalogue)
    )
    engine, seller = house.desk.engine, house.means.seller
    closing = MonthClosing(engine, house.reader, months, reading, seller, house.lately.tenant)
    closed = done(await closing.close(tenant, month, who(principal)))
    response.status_code = 200 if closed.repeated else 201
    return month_shown(closed.close, repeated=closed.repeated)


@router.get("/{month}/journal", response_class=JSONResponse, responses=_JOURNAL)
async def get_journal(
    house: InHouse,
    tenant: SeesEntries,
    month: MonthOf,
    form: Annotated[Literal["json", "csv"], Query(alias="format")] = "json",
) -> Response:
    """The accounts of a month for bookkeeping: opening, debits, credits, closing."""
    settings = await house.settings(tenant)
    months = MonthReader(house.url)
    journal = await read(read_month_journal, months, tenant, month, settings.time_zone, settings.currency)
    if form == "csv":
        return file_answer(journal_csv(journal), CSV, f"journal-{tenant}-{month_name(month)}.csv")
    return JSONResponse(journal_values(journal))
