"""The fuzzer begins with messages that get far: each seed is answered by the door, one way or the other."""

from __future__ import annotations

import pytest

from tests.doors.diameter.wire import by_hand
from tools import fuzz_diameter

SAID = {
    "credit-1": [2001, 2001],
    "credit-2": [2001, 2001],
    "credit-3": [2001, 2001],
    "credit-4": [2001, 2001],
    "hello": [2001],
    # The hello, a watchdog, an unknown command, a goodbye; at last the request that arrived.
    "stream": [2001, 2001, 3001, 2001, 2001],
    "pieces": [2001, 2001, 3001, 2001, 2001],
}


@pytest.mark.parametrize("name", SAID)
def test_a_seed_is_answered(name: str) -> None:
    door = fuzz_diameter.load()
    seeds = fuzz_diameter.seeds(door)
    assert set(seeds) == set(SAID)
    said = by_hand.split(fuzz_diameter.one_input(door, seeds[name]))
    assert [by_hand.read(whole).result for whole in said] == SAID[name]


def test_a_spoilt_seed_is_refused_with_a_reason() -> None:
    door = fuzz_diameter.load()
    spoilt = fuzz_diameter.seeds(door)["credit-1"][:-4]
    _, refused = by_hand.split(fuzz_diameter.one_input(door, spoilt))
    assert by_hand.read(refused).result == 5014
