"""The demo's month, charged: everything that a newcomer should see once happens in it."""

from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from talktime.accounts.tenant_file import read_tenant
from talktime.bulk.result import Run
from talktime.bulk.run import Options, charge
from talktime.catalog.load import load_catalogue
from talktime.demo.folder import write_demo
from talktime.files.decks.sample import default_deck
from talktime.files.read_usage import read_usage


@lru_cache(maxsize=1)
def story() -> Run:
    """The month of `talktime demo` on the shipped deck."""
    catalogue = load_catalogue()
    with TemporaryDirectory() as folder:
        files = write_demo(Path(folder))
        tenant = read_tenant(files.tenant, catalogue)
        return charge(read_usage([files.usage_csv]), tenant, catalogue, default_deck(), Options())


@pytest.mark.parametrize("kind", ["expiry", "recharge"])
def test_the_balance_moves(kind: str) -> None:
    assert [movement for movement in story().movements if movement.kind == kind]


@pytest.mark.parametrize("reason", ["premium_refused", "not_licensed", "spend_cap", "no_rate"])
def test_calls_are_stopped_or_left_without_a_price(reason: str) -> None:
    assert (story().calls["reason"].cast(str) == reason).any()


@pytest.mark.parametrize("category", load_catalogue().categories)
def test_every_category_has_calls(category: str) -> None:
    assert (story().calls["category"].cast(str) == category).any()


@pytest.mark.parametrize("flag", ["unknown_user", "unknown_call_type", "end_disagrees", "scope_disagrees"])
def test_odd_rows_are_flagged(flag: str) -> None:
    assert story().calls["flags"].cast(str).str.contains(flag).any()


def test_some_pools_are_used_up_and_most_are_not() -> None:
    full = [pool for pool in story().pools if pool.at_100_us is not None]
    assert 2 <= len(full) < len(story().pools) / 2
    assert {pool.kind for pool in full} == {"domestic", "conferencing"}


def test_the_money_lasts() -> None:
    totals = story().totals
    assert totals.money_ran_out_at_us is None
    assert totals.blocked_calls < totals.calls / 50
    assert totals.paid_calls > totals.calls / 5
