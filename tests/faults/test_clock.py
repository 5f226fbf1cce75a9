"""The clock of the machine jumps, forwards and back: order stays, nothing expired comes back, nobody crashes.

A tenant's time never runs backwards: every operation happens at the clock or at the tenant's last instant,
whichever is later (domain.md 7). Kept by the store, so a restart in between changes nothing.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

import pytest

from talktime.accounts.tenant import Licence, Tenant, User
from talktime.catalog.load import load_catalogue
from talktime.core.refusals import Refusal
from talktime.ledger.verify import verify
from talktime.live.answers import Allowed, Denied, Settled
from talktime.live.operations import EndCall, ExtendCall, StartCall
from tests.faults.live_process import A_SECOND, CALLEE, DECK, UNIT, caller
from tests.live.ledger_checks import LedgerChecks
from tests.live.live_desk import NOON_US, SECOND, LiveDesk, books_of

HOUR = 3_600
DAY = 24 * HOUR
YEAR = 365 * DAY


@pytest.fixture
def desk(database: str) -> Iterator[LiveDesk]:
    """A desk at noon with one tenant and no money."""
    opened = LiveDesk(database, load_catalogue(), books_of(DECK))
    user = User(caller("t"), location="US", licences=(Licence("MCOPSTNC"),))
    opened.add(Tenant("t", "t", "US", "USD", users=(user,)))
    yield opened
    opened.close()


def start(call_id: str, asked_s: int = 60) -> StartCall:
    return StartCall("t", call_id, 0, "user_out", user=caller("t"), callee=CALLEE, requested_s=asked_s)


def jump(desk: LiveDesk, seconds: int) -> None:
    desk.now_us += seconds * SECOND


def assert_sound(desk: LiveDesk) -> None:
    """The ledger is what its journal says, and its instants only rise."""
    LedgerChecks(desk).check("t")
    for table in ("journal", "charges"):
        instants = [at_us for (at_us,) in desk.rows(f"select at_us from {table} order by number")]
        assert instants == sorted(instants), table
    verified = verify(desk.url, now_us=desk.now_us)
    assert verified.is_clean, verified.differences


def test_what_has_expired_stays_expired(desk: LiveDesk) -> None:
    desk.fund("t", UNIT, life_us=HOUR * SECOND)
    jump(desk, 2 * HOUR)
    desk.look_round()
    assert desk.wallet("t") == (0, 0, 0)
    for restarts in (False, True):
        jump(desk, -90 * 60)
        if restarts:
            desk.restart()
        desk.look_round()
        denied = desk.do(start(f"c-{restarts}"))
        assert isinstance(denied, Denied)
        assert denied.reason == Refusal.CREDITS_EXPIRED
        assert desk.wallet("t") == (0, 0, 0)
    assert_sound(desk)


def test_a_purchase_after_a_jump_back_lives_from_the_tenants_last_instant(desk: LiveDesk) -> None:
    desk.fund("t", UNIT, life_us=HOUR * SECOND)
    jump(desk, 2 * HOUR)
    desk.look_round()
    jump(desk, -DAY)
    desk.fund("t", UNIT, life_us=HOUR * SECOND)
    ((bought_us, expires_us),) = desk.rows("select bought_us, expires_us from lots where lot = 2")
    assert (bought_us, expires_us) == (NOON_US + 2 * HOUR * SECOND, NOON_US + 3 * HOUR * SECOND)
    jump(desk, DAY + HOUR)
    desk.look_round()
    assert desk.wallet("t") == (0, 0, 0)
    assert_sound(desk)


def test_a_call_that_the_clock_jumps_back_in_goes_on(desk: LiveDesk) -> None:
    desk.fund("t", UNIT)
    assert isinstance(desk.do(start("c", 30)), Allowed)
    jump(desk, -DAY)
    desk.look_round()
    extended = desk.do(ExtendCall("t", "c", 1, 20, 20))
    assert isinstance(extended, Allowed)
    assert extended.grant.authorised_s == 40
    desk.restart()
    settled = desk.do(EndCall("t", "c", 2, 35))
    assert isinstance(settled, Settled)
    assert (settled.amount, desk.wallet("t")) == (35 * A_SECOND, (UNIT - 35 * A_SECOND, 0, 0))
    assert_sound(desk)


def test_a_jump_forward_sweeps_and_the_end_corrects(desk: LiveDesk) -> None:
    desk.fund("t", UNIT, life_us=10 * YEAR * SECOND)
    desk.do(start("c", 30))
    desk.do(ExtendCall("t", "c", 1, 20, 20))
    jump(desk, YEAR)
    desk.look_round()
    assert desk.wallet("t") == (UNIT - 20 * A_SECOND, 0, 0)
    jump(desk, -YEAR)
    settled = desk.do(EndCall("t", "c", 2, 35))
    assert isinstance(settled, Settled)
    assert (settled.amount, desk.wallet("t")) == (35 * A_SECOND, (UNIT - 35 * A_SECOND, 0, 0))
    assert_sound(desk)


def wandering(desk: LiveDesk, chosen: random.Random) -> list[Callable[[], object]]:
    """What may happen between two jumps."""
    numbers = iter(range(10**6))
    calls: list[str] = []

    def begin() -> None:
        call_id = f"c{next(numbers)}"
        if isinstance(desk.do(start(call_id, chosen.randint(1, 30))), Allowed):
            calls.append(call_id)

    def go_on() -> None:
        if calls:
            answer = desk.do(ExtendCall("t", chosen.choice(calls), 1 + next(numbers), chosen.randint(0, 30)))
            assert answer is not None

    def end() -> None:
        if calls:
            call_id = calls.pop(chosen.randrange(len(calls)))
            desk.do(EndCall("t", call_id, 1 + next(numbers), chosen.randint(0, 30)))

    def buy() -> None:
        desk.fund("t", chosen.randint(1, 100) * A_SECOND, life_us=chosen.choice((HOUR, DAY, YEAR)) * SECOND)

    return [begin, begin, go_on, end, buy, desk.look_round, desk.restart]


def wander(desk: LiveDesk, steps: int) -> None:
    print(f"seed {(seed := random.randrange(10**6))}")  # noqa: T201 - a failure shows it
    chosen = random.Random(seed)
    acts = wandering(desk, chosen)
    for _ in range(steps):
        far = chosen.choice((1, 60, HOUR, DAY, 40 * DAY))
        jump(desk, chosen.choice((-1, 1)) * chosen.randint(0, far))
        chosen.choice(acts)()
        LedgerChecks(desk).check("t")
    assert_sound(desk)


def test_a_clock_that_wanders(desk: LiveDesk) -> None:
    wander(desk, 60)


@pytest.mark.long
def test_a_clock_that_wanders_for_long(desk: LiveDesk) -> None:
    wander(desk, 2_000)


def test_a_clock_that_was_years_ahead_for_a_moment(desk: LiveDesk) -> None:
    """What it left behind are instants that no later one goes behind."""
    desk.fund("t", UNIT, life_us=20 * YEAR * SECOND)
    jump(desk, 3 * YEAR)
    desk.do(start("c", 10))
    desk.do(EndCall("t", "c", 1, 10))
    jump(desk, -3 * YEAR)
    desk.restart()
    desk.do(start("d", 10))
    settled = desk.do(EndCall("t", "d", 1, 10))
    assert isinstance(settled, Settled)
    assert settled.amount == 10 * A_SECOND
    assert_sound(desk)
