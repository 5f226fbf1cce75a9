"""Real calls: placed by SIPp through a stock Kamailio as the page configures it, charged by `talktime serve`.

One run of some 70 s plays all stories side by side (`run.py`); each test says what one of them has to look
like. A second is a cent. How this Kamailio counts: each report is rounded, the last one makes the sum every
second that has begun, between its own taking of the 200 and of the BYE: so a call of 35 s is 36 (35 where it
saw a little less), and one that is cut after 40 s is 41. Within its grants Talktime charges what is reported,
which is what the tests ask; beyond them up to 2 s are forgiven.
"""

from __future__ import annotations

import fcntl
import os
from decimal import Decimal
from pathlib import Path
from typing import Final

import msgspec
import pytest

from tests.doors.diameter.real.ledgers import Cast
from tests.doors.diameter.real.network import missing
from tests.doors.diameter.real.run import (
    CROWD,
    CROWD_CALLS,
    CROWD_S,
    CUT,
    LOST,
    MANY,
    OUTAGE,
    REFUSED,
    RELAYED,
    SETTLED,
    SHARED,
    URGENT,
    Run,
    Story,
    played,
    played_crowd,
)

CENT: Final = Decimal("0.01")
HABITS_S: Final = 5
"""Kamailio counts begun seconds, rounds reports, looks at its timers once a second; machines are shared."""

OK, PAYMENT_REQUIRED = 200, 402


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The run, played once for all processes of a test run; skipped by name where a program is absent."""
    skip_where_absent()
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    with (folder / "real-calls.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        found = _once(folder)
    assert not found.failed, found.failed
    return found


def skip_where_absent() -> None:
    """Skips, by name, where real calls cannot be placed."""
    lacking = missing("kamailio", "sipp", "bash", "curl")
    if lacking:
        pytest.skip(f"real calls need Kamailio and SIPp: {lacking}")


def _once(folder: Path) -> Run:
    """What another process has left, else a run of our own; one that failed is not played again."""
    kept = folder / "real-calls.json"
    if not kept.exists():
        try:
            found = played(folder / "real-calls")
        except AssertionError as error:
            found = Run(failed=str(error) or repr(error))
        kept.write_bytes(msgspec.json.encode(found))
    return msgspec.json.decode(kept.read_bytes(), type=Run)


def left_s(story: Story) -> int:
    """The seconds of money that are left; nothing may be reserved or owed any more."""
    assert Decimal(story.credits["reserved"]) == 0
    assert Decimal(story.credits["overdraft"]) == 0
    cents = Decimal(story.credits["balance"]) / CENT
    assert cents == int(cents)
    return int(cents)


def paid_s(story: Story, cast: Cast) -> int:
    """The seconds that a story's money has paid, by the balance; the charges have to say the same."""
    seconds = cast.money_s - left_s(story)
    assert seconds == sum(charge["billed_seconds"] for charge in story.charges)
    assert seconds * CENT == sum(Decimal(charge["amount"]) for charge in story.charges)
    return seconds


def test_a_call_of_35_s_is_settled(run: Run) -> None:
    story = run.stories[SETTLED.tenant]
    assert [(call.status, call.was_cut) for call in story.callers] == [(OK, False)]
    (charge,) = story.charges
    assert charge["billed_seconds"] == charge["duration_seconds"], "all that was reported, for it was granted"
    assert 35 <= charge["billed_seconds"] <= 35 + HABITS_S, "every second that has begun"
    assert paid_s(story, SETTLED) == charge["billed_seconds"]
    assert story.calls[0]["used_seconds"] < 35, "some of it was reported while the call went on"
    assert story.calls[0]["state"] == "ended"


def test_a_call_is_cut_where_the_money_ends(run: Run) -> None:
    story = run.stories[CUT.tenant]
    assert [(call.status, call.was_cut) for call in story.callers] == [(OK, True)]
    assert [call.was_cut for call in story.callees] == [True], "both sides are told"
    (charge,) = story.charges
    assert (charge["billed_seconds"], left_s(story)) == (CUT.money_s, 0)
    assert CUT.money_s <= charge["duration_seconds"] <= CUT.money_s + HABITS_S
    assert abs(story.callers[0].talked_s - CUT.money_s) <= HABITS_S


def test_a_call_without_money_is_refused(run: Run) -> None:
    story = run.stories[REFUSED.tenant]
    assert [call.status for call in story.callers] == [PAYMENT_REQUIRED]
    assert story.callees == [], "nobody's phone rang"
    assert story.calls == []
    assert left_s(story) == 0


def test_an_emergency_call_is_let_out_without_asking(run: Run) -> None:
    """By somebody who has no money; the switch does not ask, so the ledger knows nothing of it."""
    story = run.stories[URGENT.tenant]
    assert [(call.status, call.was_cut) for call in story.callers] == [(OK, False)]
    assert len(story.callees) == 1
    assert story.calls == []
    assert left_s(story) == 0


def test_two_calls_share_75_s_of_money(run: Run) -> None:
    """Both are cut by Kamailio; 75 s are charged in all, however many it reports."""
    story = run.stories[SHARED.tenant]
    assert [(call.status, call.was_cut) for call in story.callers] == [(OK, True)] * 2
    assert [call.was_cut for call in story.callees] == [True] * 2
    assert (paid_s(story, SHARED), left_s(story)) == (75, 0)
    assert sum(charge["duration_seconds"] for charge in story.charges) >= 75
    assert all(charge["billed_seconds"] <= charge["duration_seconds"] for charge in story.charges)
    assert all(charge["overdraft"] == "0" and not charge["flags"] for charge in story.charges)


def test_many_calls_are_all_settled(run: Run) -> None:
    """40 calls of 20 s, 20 a second, with an update each; `long` has 200 of 45 s."""
    assert_many(run.stories[MANY.tenant], MANY, calls=40, talk_s=20, reported_s=14)


@pytest.mark.long
def test_200_calls_are_all_settled(tmp_path: Path) -> None:
    """45 s each, 20 a second, with updates every 15 s."""
    skip_where_absent()
    found = played_crowd(tmp_path / "crowd")
    assert_many(found.stories[CROWD.tenant], CROWD, calls=CROWD_CALLS, talk_s=CROWD_S, reported_s=28)
    assert found.verified[0]["differences"] == []


def assert_many(story: Story, cast: Cast, calls: int, talk_s: int, reported_s: int) -> None:
    """All calls went well, each is charged once for what was reported, and the sum is exact."""
    assert [(call.status, call.was_cut) for call in story.callers] == [(OK, False)] * calls
    assert len({call["call_id"] for call in story.calls}) == calls
    assert {call["state"] for call in story.calls} == {"ended"}
    charges = story.charges
    assert len(charges) == calls
    for charge in charges:
        assert charge["billed_seconds"] == charge["duration_seconds"]
        assert talk_s <= charge["billed_seconds"] <= talk_s + HABITS_S
    assert all(call["used_seconds"] >= reported_s for call in story.calls), "updates came"
    assert paid_s(story, cast) == sum(charge["duration_seconds"] for charge in charges)


def test_a_call_is_lost_with_its_switch(run: Run) -> None:
    """Kamailio was killed in mid-call: the call is charged for what it had reported."""
    story = run.stories[LOST.tenant]
    (call,) = story.calls
    (charge,) = story.charges
    assert call["state"] == "lost"
    assert "lost" in charge["flags"]
    assert charge["billed_seconds"] == call["used_seconds"] > 0
    assert paid_s(story, LOST) == call["used_seconds"]


def test_a_call_outlives_its_server(run: Run) -> None:
    """The server was killed and started again in mid-call: the call went on and is charged once."""
    story = run.stories[OUTAGE.tenant]
    assert [(call.status, call.was_cut) for call in story.callers] == [(OK, False)]
    (charge,) = story.charges
    assert charge["billed_seconds"] == charge["duration_seconds"]
    assert 45 <= charge["billed_seconds"] <= 45 + HABITS_S
    assert paid_s(story, OUTAGE) == charge["billed_seconds"]


def test_a_relay_may_stand_in_between(run: Run) -> None:
    if run.no_relay:
        pytest.skip(f"calls through a relay need freeDiameter: {run.no_relay}")
    story = run.stories[RELAYED.tenant]
    assert [(call.status, call.was_cut) for call in story.callers] == [(OK, False)]
    (charge,) = story.charges
    assert 10 <= charge["billed_seconds"] == charge["duration_seconds"] <= 10 + HABITS_S
    assert story.calls[0]["call_id"].startswith("relayed-"), "the session is the switch's own"


def test_the_ledgers_are_as_their_journals_say(run: Run) -> None:
    assert [verified["differences"] for verified in run.verified] == [[], []]


def test_the_page_works_from_top_to_bottom(run: Run) -> None:
    code, _, said = run.page.partition("\n")
    assert code == "0", said
    assert "billed    11 s" in said
    assert "return -1, result 4012" in said
    assert said.count("return 1, result 2001") == 2
    assert 'talktime_diameter_answers_total{request="initial",result="4012"} 1.0' in said
    assert "all is as the journal says" in said
