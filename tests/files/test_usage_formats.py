"""Which format a header is of."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talktime.files.usage import FLAG_COLUMNS, NUMBER_COLUMNS, TEXT_COLUMNS, WORD_COLUMNS
from talktime.files.usage_formats import (
    TIMES,
    UsageFormat,
    format_named,
    load_format_data,
    plain,
    presets,
    recognise,
    why_not,
)
from tests.files.usage_samples import (
    CALLING_PLANS_20,
    CALLING_PLANS_25,
    DIRECT_ROUTING_25,
    GRAPH,
    GRAPH_ROUTED,
    LEGACY,
)

HEADERS = {
    "calling_plans_25": CALLING_PLANS_25,
    "calling_plans_20": CALLING_PLANS_20,
    "direct_routing": DIRECT_ROUTING_25,
    "graph_pstn": list(GRAPH),
    "graph_direct_routing": list(GRAPH_ROUTED),
    "legacy": LEGACY,
    "talktime": [*TEXT_COLUMNS, *WORD_COLUMNS, *NUMBER_COLUMNS, *FLAG_COLUMNS],
}


@pytest.mark.parametrize("name", HEADERS)
def test_a_header_is_recognised_and_wholly_known(name: str) -> None:
    found = recognise(HEADERS[name])
    assert found is not None
    assert found.format.name == name
    assert found.unknown == ()
    assert found.header


@pytest.mark.parametrize("name", HEADERS)
@given(st.randoms(use_true_random=False), st.lists(st.sampled_from(["Note", "Cost Centre", ""]), unique=True))
def test_order_case_blanks_and_more_columns_change_nothing(
    name: str, random: object, more: list[str]
) -> None:
    assert hasattr(random, "shuffle")
    header = [f"  {column.upper()} " for column in HEADERS[name]] + more
    random.shuffle(header)
    found = recognise(header)
    assert found is not None
    assert found.format.name == name
    assert {header[at] for at in found.positions.values()} <= {f"  {one.upper()} " for one in HEADERS[name]}
    assert sorted(found.unknown) == sorted(one for one in more if one)


@given(st.lists(st.text(), max_size=30))
def test_any_row_has_an_answer(row: list[str]) -> None:
    if recognise(row) is None:
        assert why_not(row)


def test_the_first_of_two_equal_names_counts() -> None:
    found = recognise([*CALLING_PLANS_25, "Duration Seconds"])
    assert found is not None
    assert found.positions["duration"] == CALLING_PLANS_25.index("Duration Seconds")
    assert found.unknown == ("Duration Seconds",)


def test_a_format_that_is_chosen_is_the_only_one() -> None:
    assert recognise(CALLING_PLANS_25, format_named("legacy")) is None
    chosen = recognise(CALLING_PLANS_25, format_named("calling_plans_20"))
    assert chosen is not None
    assert chosen.unknown == ("Call Direction", "External Country", *CALLING_PLANS_25[-3:])


def test_generic_is_never_recognised_by_itself() -> None:
    header = list(format_named("generic").columns)
    found = recognise(header)
    assert found is None or found.format.name != "generic"
    assert recognise(header, format_named("generic")) is not None


@pytest.mark.parametrize("form", load_format_data().formats, ids=presets())
def test_the_shipped_formats_make_sense(form: UsageFormat) -> None:
    ours = {*TEXT_COLUMNS, *WORD_COLUMNS} - {"source", "format"}
    ours |= {"correlation_id", "start", "start_else", "end", "duration", "success"}
    assert set(form.columns) <= ours
    assert {one for group in form.required for one in group} <= set(form.columns)
    assert set(form.fixed) <= ours
    assert form.times in TIMES
    names = [plain(name) for theirs in form.columns.values() for name in theirs]
    assert not {plain(name) for name in form.ignored} & set(names) or form.layout is None
    if form.layout is not None:
        assert {name for theirs in form.columns.values() for name in theirs[:1]} <= set(form.layout.names)


def test_an_unknown_name_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        format_named("cisco")
