"""Rows of a sheet as the XML of a workbook, whole columns at a time.

A workbook's sheet is text; making it by columns is many times faster than cell by cell. Only what is rare
(control characters, very long text) is looked at one by one (ECMA-376 part 1, 18.3.1.4).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

import polars as pl

from talktime.files.call_columns import Kind
from talktime.files.exact_decimals import PLACES, fits_a_number, plain_text_of
from talktime.files.report import INSTANT_FORMAT

if TYPE_CHECKING:
    from talktime.files.call_columns import Column

MOST_CHARACTERS: Final = 32_767
"""What a cell holds, in UTF-16 units; longer text is cut."""

DAYS_TO_1970: Final = 25_569
"""1 January 1970 as a spreadsheet counts days."""

FIRST_DATE_US: Final = -2_203_891_200_000_000
"""1 March 1900: earlier days are numbered wrongly by spreadsheets, so they are written as text."""

_DAY_US: Final = 86_400_000_000
_RARE: Final = r"[\x00-\x08\x0b-\x1f\ufffe\uffff]|_x[0-9A-Fa-f]{4}_"
_RARE_CHARACTER: Final = re.compile(r"[\x00-\x08\x0b-\x1f\ufffe\uffff]")
_LOOKS_ESCAPED: Final = re.compile(r"_(?=x[0-9A-Fa-f]{4}_)")
_EDGE_BLANK: Final = r"^\s|\s$"


class Placed(NamedTuple):
    """A column of the sheet: what it holds, its letters, and the number of its cell style."""

    column: Column
    letters: str
    style: str


def rows_xml(calls: pl.DataFrame, columns: Sequence[Placed], first_row: int) -> str:
    """`<row>` elements for a slice of calls; its first row has the number `first_row` (from 1)."""
    calls = _without_rare(calls)
    number = pl.int_range(first_row, first_row + pl.len()).cast(pl.String).alias("row number")
    cells = [_cell(placed, calls[placed.column.name]) for placed in columns]
    row = pl.concat_str(
        [pl.lit('<row r="'), pl.col("row number"), pl.lit('">'), *cells, pl.lit("</row>")], ignore_nulls=True
    )
    return "".join(calls.with_columns(number).select(row.alias("xml"))["xml"].to_list())


def cell_text(text: str) -> str:
    """Text as a cell can hold it: cut to its length, what XML cannot say as _xHHHH_."""
    cut = text.encode("utf-16-le", "replace")[: 2 * MOST_CHARACTERS].decode("utf-16-le", "ignore")
    return _RARE_CHARACTER.sub(lambda found: f"_x{ord(found[0]):04X}_", _LOOKS_ESCAPED.sub("_x005F_", cut))


def _without_rare(calls: pl.DataFrame) -> pl.DataFrame:
    """The slice with words as text, and with what XML cannot say written another way."""
    calls = calls.with_columns(pl.col(pl.Categorical).cast(pl.String))
    for text in calls.select(pl.col(pl.String)):
        rare = (
            text.filter(text.str.contains(_RARE) | (text.str.len_bytes() > MOST_CHARACTERS))
            .unique()
            .to_list()
        )
        if rare:
            calls = calls.with_columns(text.replace(rare, [cell_text(value) for value in rare]))
    return calls


def _cell(placed: Placed, values: pl.Series) -> pl.Expr:
    """The XML of one column's cells; null where a cell is empty."""
    column, value = placed.column, pl.col(placed.column.name)
    if column.kind in PLACES:
        plain = plain_text_of(column.name, PLACES[column.kind])
        if values.drop_nulls().abs().max() is None or bool(
            values.to_frame().select(fits_a_number(value).all()).item()
        ):
            return _number(placed, plain)
        return pl.when(fits_a_number(value)).then(_number(placed, plain)).otherwise(_text(placed, plain))
    if column.kind is Kind.INSTANT:
        return _instant(placed, values)
    if column.kind is Kind.FLAG:
        return _tagged(placed, ' t="b"', "<v>", value.cast(pl.Int8).cast(pl.String), "</v>")
    if column.kind in (Kind.SECONDS, Kind.COUNT):
        return _number(placed, value.cast(pl.String))
    preserve = ' xml:space="preserve"' if values.str.contains(_EDGE_BLANK).any() else ""
    return _text(placed, _escaped(value), preserve)


def _instant(placed: Placed, values: pl.Series) -> pl.Expr:
    value = pl.col(placed.column.name)
    us = value.dt.epoch("us")
    days = (us / _DAY_US + DAYS_TO_1970).cast(pl.String)
    if not (values.dt.epoch("us") < FIRST_DATE_US).any():
        return _number(placed, days)
    early = _text(placed, value.dt.to_string(INSTANT_FORMAT))
    return pl.when(us < FIRST_DATE_US).then(early).otherwise(_number(placed, days))


def _number(placed: Placed, digits: pl.Expr) -> pl.Expr:
    return _tagged(placed, "", "<v>", digits, "</v>")


def _text(placed: Placed, text: pl.Expr, preserve: str = "") -> pl.Expr:
    filled = pl.when(text != "").then(text)
    return _tagged(placed, ' t="inlineStr"', f"<is><t{preserve}>", filled, "</t></is>")


def _tagged(placed: Placed, type_: str, opening: str, content: pl.Expr, closing: str) -> pl.Expr:
    style = f' s="{placed.style}"' if placed.style else ""
    return pl.concat_str(
        pl.lit(f'<c r="{placed.letters}'),
        pl.col("row number"),
        pl.lit(f'"{style}{type_}>{opening}'),
        content,
        pl.lit(f"{closing}</c>"),
    )


def _escaped(text: pl.Expr) -> pl.Expr:
    return (
        text.str.replace_all("&", "&amp;", literal=True)
        .str.replace_all("<", "&lt;", literal=True)
        .str.replace_all(">", "&gt;", literal=True)
    )
