"""Decline codes: which may be tried again, and that people can read what each means."""

import pytest

from talktime.catalog.declines import (
    DeclineKind,
    decline_kind,
    decline_sentence,
    load_declines,
    read_declines,
)
from talktime.catalog.load import CatalogueError
from talktime.catalog.stripe_amounts import load_stripe_amounts, read_stripe_amounts

NEVER = (
    "lost_card stolen_card pickup_card fraudulent expired_card invalid_account account_closed "
    "restricted_card do_not_try_again stop_payment_order revocation_of_authorization incorrect_number"
).split()
RETRY = (
    "insufficient_funds generic_decline card_declined do_not_honor processing_error try_again_later "
    "card_velocity_exceeded issuer_not_available incorrect_cvc a_code_of_tomorrow"
).split()


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        *((code, DeclineKind.NEVER) for code in NEVER),
        *((code, DeclineKind.RETRY) for code in RETRY),
        ("authentication_required", DeclineKind.ACTION),
        ("cancelled", DeclineKind.ACTION),
        ("", DeclineKind.RETRY),
        (" Lost_Card ", DeclineKind.NEVER),
    ],
)
def test_whether_a_declined_payment_may_be_tried_again(code: str, kind: DeclineKind) -> None:
    assert decline_kind(code) == kind


def test_every_code_says_what_it_means_and_what_to_do() -> None:
    for decline in load_declines().by_code.values():
        sentence = decline_sentence(decline.code)
        assert sentence.endswith(".")
        assert decline.code not in sentence
        assert decline.means != decline.do
    assert "lost" in decline_sentence("lost_card")
    assert "no reason" in decline_sentence("a_code_of_tomorrow")


ENTRY = 'codes = ["a"]\nkind = "retry"\nmeans = "It."\ndo = "Do."\n'
UNKNOWN = '[unknown]\nkind = "retry"\nmeans = "It."\ndo = "Do."\n'


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("[", "not TOML"),
        (UNKNOWN, "needs"),
        (f"{UNKNOWN}[[decline]]\n{ENTRY}[[decline]]\n{ENTRY}", "'a' stands twice"),
        (
            f"{UNKNOWN}[[decline]]\n{ENTRY.replace('retry', 'maybe')}",
            "'maybe' is none of",
        ),
        (f"{UNKNOWN}[[decline]]\n{ENTRY}whim = 1\n", "decline 1: needs the keys"),
        (f"{UNKNOWN}[[decline]]\n{ENTRY.replace('It.', 'It')}", "means is not a sentence"),
        (f"{UNKNOWN}[[decline]]\n{ENTRY.replace('[', '').replace(']', '')}", "list of words"),
    ],
)
def test_a_fault_in_the_file_is_named(text: str, fault: str) -> None:
    with pytest.raises(CatalogueError, match=fault):
        read_declines(text)


def test_units_of_an_api_come_back_as_coins() -> None:
    amounts = load_stripe_amounts()
    for currency in amounts.coins:
        if currency not in amounts.not_charged:
            assert amounts.from_stripe(amounts.to_stripe(70_000, currency), currency) == 70_000
    assert amounts.from_stripe(150, "ISK") == 2  # half up
    with pytest.raises(CatalogueError, match="'ZZZ' stands in no row"):
        read_stripe_amounts("[decimals]\n[whole_tens]\ncurrencies=['ZZZ']\n[not_charged]\ncurrencies=[]", {})
