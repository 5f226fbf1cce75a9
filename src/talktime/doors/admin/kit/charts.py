"""Charts, each with the same figures as a table for those who cannot see it or want the numbers.

Colours are read from the page's own style, so that both themes have the contrast they need.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final, NamedTuple

from nicegui import ui

from talktime.doors.admin.kit.show import Column, more, table_markup
from talktime.doors.admin.words import plain_amount

HEIGHT_PX: Final = 260


class Series(NamedTuple):
    """A line or the bars of one kind: a value a label, None for a gap. `is_band` fills down to the next."""

    name: str
    values: Sequence[Decimal | int | None]
    dashed: bool = False


def line_chart(title: str, labels: Sequence[str], series: Sequence[Series], *, unit: str = "") -> None:
    """Lines over time."""
    made = [
        {
            "type": "line",
            "name": each.name,
            "data": [_plain(value) for value in each.values],
            "showSymbol": False,
            "step": False,
            "lineStyle": {"width": 2, "type": "dashed" if each.dashed else "solid"},
            "areaStyle": {"opacity": 0.08} if len(series) == 1 else None,
        }
        for each in series
    ]
    _chart(title, labels, series, made, unit)


def bar_chart(
    title: str, labels: Sequence[str], series: Sequence[Series], *, unit: str = "", lying: bool = False
) -> None:
    """Bars, lying where the labels are long; several series are stacked."""
    made = [
        {
            "type": "bar",
            "name": each.name,
            "data": [_plain(value) for value in each.values],
            "stack": "all" if len(series) > 1 else None,
            "barMaxWidth": 28,
        }
        for each in series
    ]
    _chart(title, labels, series, made, unit, lying=lying)


def _chart(
    title: str,
    labels: Sequence[str],
    series: Sequence[Series],
    made: list[dict[str, Any]],
    unit: str,
    *,
    lying: bool = False,
) -> None:
    along: dict[str, Any] = {"type": "category", "data": list(labels), "inverse": lying}
    up: dict[str, Any] = {"type": "value", "name": unit}
    for axis in (along, up):
        axis["axisLabel"] = {":color": _var("--tt-quiet"), "hideOverlap": True}
        axis["nameTextStyle"] = {":color": _var("--tt-quiet")}
        axis["splitLine"] = {"lineStyle": {":color": _var("--tt-line")}}
    if lying:
        # A line each, shortened: the whole stands in the tooltip and in the table.
        along["axisLabel"] |= {"width": 150, "overflow": "truncate", "interval": 0, "hideOverlap": False}
    options: dict[str, Any] = {
        "animation": False,
        "grid": {"left": 8, "right": 16, "top": 34, "bottom": 8, "containLabel": True},
        "tooltip": {"trigger": "axis"},
        "legend": {
            "type": "scroll",
            "show": len(series) > 1,
            "top": 0,
            "left": 60,  # beside the unit, on a phone too
            "right": 0,
            "textStyle": {":color": _var("--tt-text")},
        },
        ":color": "['--tt-c1','--tt-c2','--tt-c3','--tt-c4','--tt-c5','--tt-c6'].map("
        "(name) => getComputedStyle(document.body).getPropertyValue(name).trim())",
        "xAxis": up if lying else along,
        "yAxis": along if lying else up,
        "series": made,
    }
    height = HEIGHT_PX if not lying else max(120, 40 * len(labels) + 50)
    shown = ui.echart(options, renderer="svg").classes("tt-chart").style(f"height:{height}px")
    shown.props["role"] = "img"
    shown.props["aria-label"] = f"Chart: {title}. The figures follow as a table."
    _figures(title, labels, series, unit)


def _figures(title: str, labels: Sequence[str], series: Sequence[Series], unit: str) -> None:
    head = [Column("Label"), *(Column(each.name, "figure") for each in series)]
    rows = [[label, *(_shown(each.values[place]) for each in series)] for place, label in enumerate(labels)]
    caption = f"{title}, {unit}" if unit else title
    more("The figures as a table", table_markup(head, rows, caption))


def _plain(value: Decimal | int | None) -> float | None:
    # Only a picture is drawn from it; the figures beside it are exact.
    return None if value is None else float(value)


def _shown(value: Decimal | int | None) -> str:
    if value is None:
        return "—"
    return plain_amount(value) if isinstance(value, Decimal) else f"{value:,}"


def _var(name: str) -> str:
    return f"getComputedStyle(document.body).getPropertyValue('{name}').trim()"
