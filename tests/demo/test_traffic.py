"""The traffic file agrees with the catalogue; its faults are named."""

from importlib import resources

import pytest

from talktime.catalog.load import load_catalogue
from talktime.demo.traffic import TrafficError, load_traffic, read_traffic


def text() -> str:
    """The shipped file."""
    return resources.files("talktime.demo").joinpath("traffic.toml").read_text("utf-8")


def test_ranges_lie_in_their_country() -> None:
    catalogue = load_catalogue()
    for each in load_traffic().ranges.values():
        for fixed, drawn in each.stems:
            found = catalogue.number(fixed[1:] + "0" * drawn)
            assert found.country == each.country, fixed
            assert (found.kind == "toll_free") == each.toll_free, fixed


def test_numbers_have_a_length_that_can_be_dialled() -> None:
    for each in load_traffic().ranges.values():
        for fixed, drawn in each.stems:
            assert 8 <= len(fixed) - 1 + drawn <= 15, fixed


def test_codes_of_plans_are_in_the_catalogue_or_meant_to_be_unknown() -> None:
    codes = {kind.capability for kind in load_traffic().kinds} - {""}
    assert codes - set(load_catalogue().plans) == {"FREECALL", "MCOPSTNU"}


def test_prices_have_four_places() -> None:
    for each in load_traffic().ranges.values():
        assert each.price_micros % 100 == 0
        assert each.fee_micros % 100 == 0


def test_the_shares_leave_room_for_the_first_kind() -> None:
    shares = [kind.share for kind in load_traffic().kinds]
    assert shares[0] is None
    assert 500 < sum(share or 0 for share in shares) < 900


@pytest.mark.parametrize(("old", "new", "complaint"), [
    ('shape = "pair"', 'shape = "trio"', "kind 'forwarded call': 'trio' is not a valid Shape"),
    ('clock = "midnight"', 'clok = "midnight"', "kind 'call across midnight': unknown key 'clok'"),
    ('ranges = ["France - Premium"]', 'ranges = ["Frankreich"]', "there is no range 'Frankreich'"),
    ('legs = ["first leg of a forwarded call"]', 'legs = ["third leg"]', "there is no leg 'third leg'"),
    ('legs = ["first leg of a forwarded call"]', "", "kind 'forwarded call': a pair needs legs"),
    ('patterns = ["+178755501xx"]', 'patterns = ["+1787x5501xx"]', "write \\+ and digits, then an x"),
    ('name = "meeting"', "", "kind '\\?': the key 'name' is missing"),
    ("spread = 0.9", "", "the key 'spread' is missing"),
    ("spread = 0.9", "spread =", "not TOML"),
    (', other = ["112"]', "", "kind 'emergency call': texts need an entry 'other'"),
    ('call_type = "sms_in"', "", "kind 'text message in': the key 'call_type' is missing"),
])  # fmt: skip
def test_faults_are_named(old: str, new: str, complaint: str) -> None:
    assert old in text()
    with pytest.raises(TrafficError, match=complaint):
        read_traffic(text().replace(old, new, 1))
