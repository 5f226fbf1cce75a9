"""Settings of a deck as a whole: understood, or the deck is refused."""

import pytest

from talktime.core.money import UP
from talktime.files.instants import parse_instant
from tests.files.decks.tables import read, texts, usable

BODY = "prefix,price_per_minute\n44,0.5\n"


@pytest.mark.parametrize(
    ("setting", "reason"),
    [
        ("rounding = sideways", "rounding: 'sideways' is no rounding"),
        ("rounding = up 7", "rounding: 'up 7' is no rounding"),
        ("increments = half", "increments: 'half' is no increment model; write after_first or whole"),
        ("currency = dollars", "currency: 'dollars' is no currency code"),
        ("sample = perhaps", "sample: 'perhaps' is neither true nor false"),
        ("timezone = Mars/Base", "timezone: 'Mars/Base' is no known time zone"),
        ("valid_from = tomorrow", "valid_from: 'tomorrow' is no instant"),
    ],
)
def test_a_setting_that_is_not_understood_refuses_the_deck(setting: str, reason: str) -> None:
    found = read(f"# name = x\n# {setting}\n{BODY}")
    assert found.deck is None
    ((line, text),) = texts(found, "refused")
    assert line == 2
    assert text.startswith(reason)


def test_a_setting_twice() -> None:
    found = read(f"# rounding = up\n# rounding = up 6\n{BODY}")
    assert found.deck is not None
    assert texts(read(f"# rounding = up\n# rounding = down\n{BODY}"), "refused") == [
        (2, "rounding is set twice, differently; keep one")
    ]


def test_an_unknown_setting_is_named_and_remarks_are_not() -> None:
    found = read(f"# roundng = up 4\n# note = hello\n# prose with = in it\n{BODY}")
    assert [line for line, text in texts(found, "warning") if "'roundng' is no setting" in text] == [1]
    assert not [text for _, text in texts(found, "warning") if "note" in text or "prose" in text]


@pytest.mark.parametrize(
    "line",
    [
        '"# rounding = up 4"',
        "# rounding = up 4,,,",
        "#rounding=UP 4",
        "## Rounding = up  4;",
        '"# rounding = up 4",,,',
    ],
)
def test_settings_survive_a_spreadsheet(line: str) -> None:
    deck = usable(f"{line}\n{BODY}")
    assert (deck.rounding, deck.decimals) == (UP, 4)


def test_settings_for_rows_that_do_not_say() -> None:
    deck = usable(
        "# valid_from = 2026-07-01\n# valid_until = 2027-01-01\n# timezone = Europe/Paris\n"
        "prefix,price_per_minute,valid_from,timezone\n33,1,,\n34,1,2026-08-01,Europe/Madrid\n"
    )
    assert [row.valid_from_us for row in deck.rows] == [
        parse_instant("2026-07-01"),
        parse_instant("2026-08-01"),
    ]
    assert {row.valid_until_us for row in deck.rows} == {parse_instant("2027-01-01")}
    assert [row.time_zone for row in deck.rows] == ["Europe/Paris", "Europe/Madrid"]


def test_a_file_that_is_not_the_version_it_says() -> None:
    version = usable(BODY).version
    assert not [
        text for _, text in texts(read(f"# version = {version}\n{BODY}"), "warning") if "version" in text
    ]
    assert [
        text for _, text in texts(read(f"# version = 0123456789ab\n{BODY}"), "warning") if "version" in text
    ] == [f"the file calls itself version 0123456789ab, what it holds is version {version}"]


def test_the_currency_is_the_files_the_callers_or_dollars_with_a_warning() -> None:
    assert usable(f"# currency = eur\n{BODY}").currency == "EUR"
    assert usable(BODY, currency="GBP").currency == "GBP"
    assert (
        usable("Destination Name,Destination Type,Country,Prefix,Price / min\nA,b,C,44,1\n").currency == "USD"
    )
    found = read(BODY)
    assert found.deck is not None
    assert found.deck.currency == "USD"
    assert [text for _, text in texts(found, "warning")] == [
        "no currency is named, USD is taken; write a line `# currency = ...` on top"
    ]


@pytest.mark.parametrize(
    ("text", "asked", "line", "reason"),
    [
        (
            "prefix,price_per_minute,currency\n44,1,EUR\n45,1,usd\n",
            "",
            3,
            "the deck is in EUR and USD; a deck has one",
        ),
        (
            "# currency = EUR\nprefix,price_per_minute,currency\n44,1,\n45,1,USD\n",
            "",
            4,
            "the deck is in EUR and USD",
        ),
        ("prefix,price_per_minute,currency\n44,1,EUR\n", "USD", 2, "the deck is in EUR, not in USD"),
        ("prefix,price_per_minute,currency\n44,1,pounds\n", "", 2, "'POUNDS' is no currency code"),
    ],
)
def test_mixed_and_unexpected_currencies_refuse_the_deck(
    text: str, asked: str, line: int, reason: str
) -> None:
    found = read(text, currency=asked)
    assert found.deck is None
    ((at, sentence),) = texts(found, "refused")
    assert at == line
    assert sentence.startswith(reason)
