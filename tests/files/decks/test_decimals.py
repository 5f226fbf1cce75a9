"""Decimal points and decimal commas, told from all numbers of a file."""

import pytest

from tests.files.decks.tables import read, texts


def prices(*written: str) -> tuple[list[int], list[str]]:
    """Prices in millionths, and the reasons of rows that were set aside, of a TAB-separated deck."""
    found = read("prefix\tprice_per_minute\n" + "".join(f"4{n}\t{text}\n" for n, text in enumerate(written)))
    rows = found.deck.rows if found.deck else ()
    return [row.price_nanos // 1000 for row in rows], [text for _, text in texts(found, "row_rejected")]


def test_a_decimal_comma_shown_by_one_price_holds_for_all() -> None:
    assert prices("0,02", "1,234", "12", "1,5") == ([20_000, 1_234_000, 12_000_000, 1_500_000], [])


def test_a_decimal_point_shown_by_one_price_holds_for_all() -> None:
    assert prices("0.02", "1.234", "12") == ([20_000, 1_234_000, 12_000_000], [])
    values, (reason,) = prices("0.02", "1,234")
    assert values == [20_000]
    assert reason == "price_per_minute '1234' is above the limit of 1000 a minute"


@pytest.mark.parametrize("written", ["1.000,00", "1 000,00", "1\u00a0000,00", "1'000,00", "1.000"])
def test_thousands_in_a_file_with_decimal_commas(written: str) -> None:
    assert prices("0,02", written) == ([20_000, 1_000_000_000], [])


@pytest.mark.parametrize("written", ["1,000.00", "1 000.00", "1\u202f000.00", "1\u2019000.00", "1,000"])
def test_thousands_in_a_file_with_decimal_points(written: str) -> None:
    assert prices("0.02", written) == ([20_000, 1_000_000_000], [])


def test_a_comma_that_may_be_either_is_not_guessed() -> None:
    values, reasons = prices("1,234", "2,500", "3")
    assert values == [3_000_000]
    assert reasons[0].startswith(
        "price_per_minute '1,234' may be 1.234 or 1234, and no other number of the file tells"
    )
    assert len(reasons) == 2


def test_a_point_alone_is_a_decimal_point_except_where_semicolons_delimit() -> None:
    assert prices("1.234") == ([1_234_000], [])
    found = read("prefix;price_per_minute\n44;1.234\n45;2\n")
    assert [text[:50] for _, text in texts(found, "row_rejected")] == [
        "price_per_minute '1.234' may be 1.234 or 1234, and"
    ]


def test_a_price_in_the_other_style_is_set_aside() -> None:
    assert prices("0,02", "0,03", "0.04") == (
        [20_000, 30_000],
        ["price_per_minute '0.04' has a decimal point, the rest of the file a decimal comma"],
    )
    assert prices("0.02", "0.03", "0,04")[1] == [
        "price_per_minute '0,04' has a decimal comma, the rest of the file a decimal point"
    ]


@pytest.mark.parametrize("written", ["1.2.3", "1,2,3", "0.0.2", "--1", "1,23.4", "12 34", "1 0000"])
def test_what_is_no_number_in_any_style(written: str) -> None:
    values, (reason,) = prices("0.02", written)
    assert values == [20_000]
    assert "price_per_minute" in reason
