"""A plan as one JSON object: the document's own fields, under names that say their unit (docs/plan.md).

Money is a decimal string, an instant ISO 8601 in UTC, a percentage a decimal string; counts and seconds are
numbers. A field of the document that this table does not know is refused: nothing goes out without a unit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

import msgspec

from talktime.core.money import format_decimal, format_money
from talktime.files.instants import format_instant

if TYPE_CHECKING:
    from talktime.insight.planner.document import Plan

MONEY: Final = frozenset(
    {
        "amount",
        "a_week",
        "actual",
        "add",
        "balance",
        "below",
        "best",
        "beyond_amount",
        "bound",
        "calls_best",
        "calls_now",
        "dearest",
        "displaced",
        "expected",
        "file",
        "forfeited",
        "held",
        "high",
        "idle",
        "licences_best",
        "licences_now",
        "low",
        "lowest_balance",
        "now",
        "opening",
        "ours",
        "price",
        "recharged",
        "without",
    }
)
"""Fields in micros, wherever they stand."""

COUNTS: Final = frozenset(
    {
        "answered",
        "blocked",
        "blocked_calls",
        "beyond_calls",
        "calls",
        "days",
        "differing",
        "duplicate_rows",
        "lasts_expected",
        "lasts_high",
        "lasts_low",
        "lead_hours",
        "months",
        "months_ahead",
        "others",
        "payments",
        "payments_a_month",
        "recharges",
        "rejected_rows",
        "rows",
        "single",
        "single_full",
        "unrated_calls",
        "users",
    }
)

PER_CENT: Final = {"growth": 2, "error": 2, "gap": 2, "confidence": 1}
"""Fields that are percentages -> how many of their digits are decimals."""

RENAMED: Final = {name: f"{name}_days" for name in ("lasts_low", "lasts_expected", "lasts_high")}
"""Counts whose name does not say of what."""

HOLDERS: Final = "MixOption"
"""The struct whose `now` and `best` count users."""

_LAST: Final = {
    "_s": ("_seconds", lambda value: value),
    "_us": ("_at", format_instant),
}

LEFT_OUT: Final = frozenset({("Said", "users")})
"""Fields that say nothing new: they are there for whoever leaves names out."""

Named = tuple[str, Callable[[int], Any]]


def plan_json(plan: Plan) -> dict[str, Any]:
    """The plan for programs; the names and their order do not change between versions of one major number."""
    told = _object(plan)
    told["from"], told["until"] = told.pop("from_at"), told.pop("until_at")
    return told


def name_and_form(struct: str, field: str) -> Named:
    """How an integer of the document is named and written. Raises KeyError for one without a unit."""
    if field == "at_us":
        return "at", format_instant
    for ending, (name, form) in _LAST.items():
        if field.endswith(ending):
            return field.removesuffix(ending) + name, form
    if field in PER_CENT:
        places = PER_CENT[field]
        return f"{field}_percent", lambda value: format_decimal(value, places)
    if field in COUNTS or (struct == HOLDERS and field in ("now", "best")):
        return RENAMED.get(field, field), lambda value: value
    if field in MONEY:
        return field, format_money
    raise KeyError(f"{struct}.{field} has no unit")


def _object(struct: msgspec.Struct) -> dict[str, Any]:
    return dict(
        _entry(type(struct).__name__, field.name, getattr(struct, field.name), field.type)
        for field in msgspec.structs.fields(struct)
        if (type(struct).__name__, field.name) not in LEFT_OUT
    )


def _entry(struct: str, field: str, value: Any, kind: Any) -> tuple[str, Any]:
    if is_integer(kind):
        name, form = name_and_form(struct, field)
        return name, None if value is None else form(value)
    return field, _value(struct, field, value)


def _value(struct: str, field: str, value: Any) -> Any:
    """What is no field of integers: text, flags, structs, and rows or tables of these."""
    if isinstance(value, msgspec.Struct):
        return _object(value)
    if field == "top":  # of a pool
        return [{"user": user, "used_seconds": used_s} for user, used_s in value]
    if isinstance(value, tuple):
        return [_value(struct, field, each) for each in value]
    if isinstance(value, Mapping):
        return {key: _value(struct, field, each) for key, each in value.items()}
    return value


def is_integer(kind: Any) -> bool:
    """Whether a field holds an integer, or an integer and None."""
    return kind is int or kind == (int | None)
