"""JSON in all its shapes gives the same rows; broken JSON costs what is broken."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talktime.files import read_json as reading
from talktime.files.decode import Utf8Stream
from talktime.files.read_json import read_json
from talktime.files.read_usage import read_usage
from talktime.files.usage import NotUsage, UnusableFile
from talktime.files.usage_batch import PartNotes
from talktime.files.usage_formats import format_named, match
from tests.files.usage_samples import GRAPH, read, reasons, rows, written

GENERIC = format_named("generic")
Rows = list[dict[str, Any]]


def page(rows_: Rows) -> dict[str, Any]:
    """A page as Graph answers it."""
    return {"@odata.context": "x", "@odata.count": len(rows_), "value": rows_, "@odata.nextLink": "https://x"}


SHAPES: dict[str, Callable[[Rows], str]] = {
    "page": lambda rows_: json.dumps(page(rows_)),
    "page, indented": lambda rows_: json.dumps(page(rows_), indent=2),
    "list of rows": json.dumps,
    "list of rows, indented": lambda rows_: json.dumps(rows_, indent=4),
    "list of pages": lambda rows_: json.dumps([page(rows_[:2]), page(rows_[2:])]),
    "list of lists": lambda rows_: json.dumps([rows_[:1], rows_[1:]]),
    "row a line": lambda rows_: "\n".join(json.dumps(row) for row in rows_),
    "row a line, CRLF": lambda rows_: "\r\n".join(json.dumps(row) for row in rows_) + "\r\n",
    "page a line": lambda rows_: "\n".join(json.dumps(page([row])) for row in rows_),
    "pages, one after the other": lambda rows_: "".join(json.dumps(page([row])) for row in rows_),
    "rows, one after the other": lambda rows_: "".join(json.dumps(row, indent=1) for row in rows_),
}


def graph_rows(count: int) -> Rows:
    """Different rows of Graph."""
    return [GRAPH | {"id": f"g{at}", "userDisplayName": f'Ana "{at}" {{[é]}}'} for at in range(count)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("read_bytes", [64, 1000, 2**18])
def test_shapes(tmp_path: Path, shape: str, read_bytes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "READ_BYTES", read_bytes)
    wanted = graph_rows(7)
    usage = read(tmp_path, SHAPES[shape](wanted), "graph.json")
    assert usage.formats == ("graph_pstn",)
    assert [(row["id"], row["user_name"]) for row in rows(usage)] == [
        (row["id"], row["userDisplayName"]) for row in wanted
    ]
    assert usage.rejected == ()
    if "indent" not in shape and "rows, one" not in shape:
        assert usage.calls["line"].to_list() == list(range(1, 8))


def test_one_single_row(tmp_path: Path) -> None:
    assert rows(read(tmp_path, json.dumps(GRAPH, indent=2)))[0]["id"] == "g1"


def test_rows_without_a_page_have_their_line_in_the_file(tmp_path: Path) -> None:
    text = "\n".join(
        ["", json.dumps(GRAPH), "", json.dumps(GRAPH | {"id": "g2"}, indent=1), json.dumps(GRAPH)]
    )
    usage = read(tmp_path, text)
    assert usage.calls["line"].to_list() == [2, 4]
    assert usage.duplicate_rows == 1


def test_pages_that_overlap(tmp_path: Path) -> None:
    one = written(tmp_path, json.dumps(page(graph_rows(3))), "1.json")
    two = written(tmp_path, json.dumps(page(graph_rows(5))), "2.json")
    usage = read_usage([one, two])
    assert usage.calls["id"].to_list() == ["g0", "g1", "g2", "g3", "g4"]
    assert usage.duplicate_rows == 3


def test_an_empty_page_beside_a_full_one(tmp_path: Path) -> None:
    usage = read(tmp_path, json.dumps([page([]), page([GRAPH])]))
    assert usage.calls.height == 1


@pytest.mark.parametrize("text", ['{"value": []}', "[]", "[[], []]"])
def test_no_rows_at_all(tmp_path: Path, text: str) -> None:
    with pytest.raises(NotUsage, match="the file holds no rows; there was no call, or export it again"):
        read(tmp_path, text)


def test_numbers_stay_the_digits_of_the_file(tmp_path: Path) -> None:
    text = json.dumps(GRAPH).replace('"charge": 0.088', '"charge": 0.08800000000000000000001')
    text = text.replace('"+14255550100"', "14255550100")
    (row,) = rows(read(tmp_path, text))
    assert row["vendor_charge"] == "0.08800000000000000000001"
    assert row["caller"] == "14255550100"


def test_values_of_other_types(tmp_path: Path) -> None:
    odd = GRAPH | {
        "administrativeUnits": ["A", "B"],
        "operator": None,
        "capability": {"a": 1},
        "destinationName": {},
    }
    (row,) = rows(read(tmp_path, json.dumps(odd)))
    assert (row["administrative_units"], row["operator"], row["destination"]) == ("A;B", "", "{}")


def test_a_broken_row_costs_its_line(tmp_path: Path) -> None:
    good = [json.dumps(row) for row in graph_rows(4)]
    text = "\n".join([good[0], '{"id": "broken', good[1], "[1, 2]", "hello", good[2], good[3][:-1]])
    usage = read(tmp_path, text)
    assert usage.calls["id"].to_list() == ["g0", "g1", "g2"]
    assert [line for line, _ in reasons(usage)] == [2, 4, 5, 7]
    assert all(reason.startswith("this is no JSON (") for _, reason in reasons(usage))
    assert usage.rejected[1].text == "1, 2]"


def test_a_broken_row_in_an_indented_list(tmp_path: Path) -> None:
    lines = [json.dumps(row) for row in graph_rows(4)]
    lines[1] = lines[1].replace('"callId":', '"callId"')
    usage = read(tmp_path, '{"value": [\n' + ",\n".join(lines) + "\n]}\n")
    assert usage.calls["id"].to_list() == ["g0", "g2", "g3"]
    assert [line for line, _ in reasons(usage)] == [3]


CUT_OFF = "usage.csv: the file is cut off in the middle; fetch it again"
DOCUMENTS = [shape for shape in SHAPES if not shape.startswith("row")]


@pytest.mark.parametrize("shape", DOCUMENTS)
@pytest.mark.parametrize("read_bytes", [64, 2**18])
def test_a_document_that_is_cut_off_is_refused(
    tmp_path: Path, shape: str, read_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "READ_BYTES", read_bytes)
    whole = SHAPES[shape](graph_rows(3)).rstrip()
    at_ends = {at for at in range(len(whole)) if _is_whole(whole[:at])}
    for at in [at for at in range(1, len(whole), 41) if at not in at_ends] + [len(whole) - 1]:
        with pytest.raises(UnusableFile) as caught:
            read(tmp_path, whole[:at])
        assert str(caught.value) == CUT_OFF, whole[:at][-40:]


def _is_whole(text: str) -> bool:
    """Whether pages one after the other end here; what would follow cannot be missed."""
    return text.rstrip().endswith(('https://x"}', 'https://x"\n}'))


def test_the_only_row_cut_off_is_refused(tmp_path: Path) -> None:
    row = {"id": 'a "b" \u00e9', "charge": 0.5e-9, "answered": True, "units": ["a", {"b": None}], "n": -1}
    whole = json.dumps(row)
    for at in range(1, len(whole)):
        with pytest.raises(UnusableFile) as caught:
            read(tmp_path, whole[:at])
        assert str(caught.value) == CUT_OFF, whole[:at][-40:]


def test_a_list_with_a_fault_that_is_cut_off_is_refused(tmp_path: Path) -> None:
    lines = [json.dumps(row) for row in graph_rows(5)]
    lines[1] = lines[1].replace('"callId":', '"callId"')
    whole = '{"value": [\n' + ",\n".join(lines) + "\n]}\n"
    for at in (whole.index('"g2"'), whole.index('"g3"') - 10, whole.index('"g4"') + 200):
        with pytest.raises(UnusableFile) as caught:
            read(tmp_path, whole[:at])
        assert str(caught.value) == CUT_OFF


@pytest.mark.parametrize("last", ['{"id": "g9', '{"id"', '{"id": "g9", "duration": 1', "{"])
def test_a_last_line_that_is_cut_off_costs_its_row(tmp_path: Path, last: str) -> None:
    text = "\n".join([*(json.dumps(row) for row in graph_rows(2)), last])
    usage = read(tmp_path, text)
    assert usage.calls["id"].to_list() == ["g0", "g1"]
    assert [line for line, _ in reasons(usage)] == [3]


def test_a_nul_costs_its_row(tmp_path: Path) -> None:
    bad = [GRAPH | {"id": "n", "callerNumber": "+1\0"}, GRAPH | {"id": "s", "upn": "\ud800"}, GRAPH]
    usage = read(tmp_path, json.dumps(bad))
    assert usage.calls["id"].to_list() == ["g1"]
    assert reasons(usage) == [
        (1, "the row holds a NUL byte: export it again"),
        (2, "the row holds half a character: export it again"),
    ]


def test_rows_that_are_all_bad(tmp_path: Path) -> None:
    usage = read(tmp_path, json.dumps([GRAPH | {"upn": "\0", "userPrincipalName": "\0"}]))
    assert (usage.calls.height, usage.rejected_rows) == (0, 1)


def test_rows_may_leave_out_what_is_null(tmp_path: Path) -> None:
    short = {name: value for name, value in GRAPH.items() if name != "conferenceId"}
    usage = read(tmp_path, json.dumps([GRAPH | {"conferenceId": "x"}, short | {"id": "g2"}]))
    assert usage.calls["conference_id"].to_list() == ["x", ""]


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, '{"value": [' * 1000 + "1", "{" * 3000])
def test_deep_nesting_is_refused(tmp_path: Path, text: str) -> None:
    sentence = "the file holds no row of usage: this is no JSON|the file is cut off in the middle"
    with pytest.raises(UnusableFile, match=sentence):
        read(tmp_path, text)


def test_a_row_without_the_columns_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotUsage, match="has no column 'startDateTime'"):
        read(tmp_path, json.dumps({name: value for name, value in GRAPH.items() if name != "startDateTime"}))
    with pytest.raises(NotUsage, match="has no header of a usage file"):
        read(tmp_path, '{"error": {"code": "Forbidden"}}')


VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=5)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(st.lists(st.fixed_dictionaries({"userDisplayName": VALUES, "more": VALUES}), min_size=1, max_size=5))
def test_whatever_stands_in_a_row_the_next_is_read(odd: Rows) -> None:
    text = "".join(json.dumps(GRAPH | row) for row in odd) + json.dumps(GRAPH | {"id": "last"})
    notes = PartNotes("x")
    found = read_json(Utf8Stream(io.BytesIO(text.encode())), notes, None)
    ids = [one for batch in found.batches for one in batch.columns["id"].to_list()]
    assert ids[-1] == "last"
    assert len(ids) + notes.rejected_rows == len(odd) + 1


@given(st.text(st.sampled_from('{}[]",:\\ \nav1')), st.integers(1, 20))
def test_garbage_gives_rows_or_a_sentence(text: str, read_bytes: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reading, "READ_BYTES", read_bytes)
        patch.setattr(reading, "recognise", lambda keys, _: match(GENERIC, [*keys, *GENERIC.columns]))
        notes = PartNotes("x")
        try:
            found = read_json(Utf8Stream(io.BytesIO(text.encode())), notes, None)
            lines = sum(len(batch.lines) for batch in found.batches)
        except NotUsage:
            assert notes.rejected or not set(text) & set("av1")
        except UnusableFile as fault:
            assert str(fault) == "x: the file is cut off in the middle; fetch it again"  # noqa: PT017
        else:
            assert lines + notes.rejected_rows > 0
