"""A CSV file of users: what it says by row, and every way in which its form can be wrong."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talktime.accounts import people_file
from talktime.accounts.people_file import COLUMNS, PeopleFaults, Row, read_people


def rows(text: str) -> list[Row]:
    return list(read_people(text.encode()))


def test_a_row_says_what_its_cells_hold() -> None:
    text = (
        "UPN,Id,NAME,Location,Licences,numbers,cost_centre,cap_per_month,policies\n"
        'ana@x,7,"Ana ""A"" Smith",US,MCOEV; MCOPSTN1,+14255550100|+14255550101,Sales,50,calls_domestic\n'
        "\n"
        "bob@x,,,,,,,,\n"
    )
    first, second = rows(text)
    assert first == Row(
        2,
        {
            "upn": "ana@x",
            "id": "7",
            "name": 'Ana "A" Smith',
            "location": "US",
            "licences": ["MCOEV", "MCOPSTN1"],
            "numbers": ["+14255550100", "+14255550101"],
            "cost_centre": "Sales",
            "cap_per_month": "50",
            "policies": ["calls_domestic"],
        },
    )
    assert second.line == 4
    assert second.says == {
        "upn": "bob@x",
        **{name: [] if name in people_file.LISTS else "" for name in COLUMNS[1:]},
    }


@pytest.mark.parametrize(
    "text",
    [
        "upn,licences\nana@x,A;B\n",
        "upn;licences\nana@x;A|B\n",
        'upn;licences\nana@x;"A;B"\n',
        "upn\tlicences\nana@x\tA|B\n",
        "\ufeffupn,licences\r\nana@x,A|B\r\n",
        "\n\nLicenses,User Principal Name\nA|B,ana@x\n",
        " UPN , LICENCES \n ana@x , A ; B ; A ;; \n",
        "user-principal-name,licenses\nana@x,'A|B'\n".replace("'", ""),
    ],
)
def test_ways_to_write_the_same(text: str) -> None:
    (row,) = rows(text)
    assert row.says == {"upn": "ana@x", "licences": ["A", "B"]}


def test_a_line_is_that_on_which_a_row_begins() -> None:
    text = 'upn,name\na@x,"two\nlines"\nb@x,B\n'
    assert [(row.line, row.says["name"]) for row in rows(text)] == [(2, "two\nlines"), (4, "B")]


def test_a_quote_that_guards_a_sheet_is_taken_off() -> None:
    (row,) = rows("upn,numbers,name\na@x,'+14255550100,'Tis\n")
    assert row.says == {"upn": "a@x", "numbers": ["+14255550100"], "name": "'Tis"}


def test_a_file_of_a_header_alone_names_nobody() -> None:
    assert rows("upn,licences\n") == []


REFUSALS = [
    (b"", "the file is empty; begin with a line that names columns: upn, id, name"),
    (b"\n\n", "the file is empty"),
    (b"upn,licence\n", 'line 1: column 2: unknown column "licence"; did you mean licences?'),
    (b"upn,zebra\n", 'line 1: column 2: unknown column "zebra"; known are upn, id, name'),
    (b"upn,upn\n", "line 1: column 2: upn stands twice"),
    (b"upn,User Principal Name\n", "line 1: column 2: upn stands twice"),
    (b"name,location\n", "line 1: the column upn is missing; it says whose row it is"),
    (b"upn,name\na@x\n", "line 2: has 1 cells where the header has 2"),
    (b"upn\na@x,b\n", "line 2: has 2 cells where the header has 1"),
    (b"upn,name\n ,Ana\n", "line 2: upn is empty"),
    (b'upn,name\na@x,"Ana\n', "line 2: is not CSV: unexpected end of data"),
    (b'upn,name\na@x,"Ana"x\n', "line 2: is not CSV: "),
    (b"upn,name\na@x,A\nb@x,\xff\n", "line 3: is not UTF-8; save the file as CSV UTF-8"),
    ("upn,name\n".encode("utf-16"), "line 1: is not UTF-8"),
    (
        b"upn,name\na@x," + b"x" * 10_001 + b"\n",
        "line 2: name has 10,001 characters; at most 10,000 are read",
    ),
    (b"upn,name\na@x,\0\n", "line 2: name holds a zero byte"),
    (b"PK\x03\x04binary", "unknown column"),
]


@pytest.mark.parametrize(
    ("content", "message"), REFUSALS, ids=[f"{at} {row[1]}" for at, row in enumerate(REFUSALS)]
)
def test_a_wrong_form_is_refused_by_line(content: bytes, message: str) -> None:
    with pytest.raises(PeopleFaults) as caught:
        read_people(content)
    (fault,) = caught.value.faults
    assert message in fault


def test_all_wrong_rows_are_named_at_once() -> None:
    with pytest.raises(PeopleFaults) as caught:
        rows("upn,name\na@x\nb@x,B\n,C\n")
    assert caught.value.faults == ("line 2: has 1 cells where the header has 2", "line 4: upn is empty")


def test_a_file_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(people_file, "MAX_ROWS", 2)
    assert len(rows("upn\na\nb\n")) == 2
    with pytest.raises(PeopleFaults, match="line 4: more than 2 users; split the file"):
        rows("upn\na\nb\nc\n")
    monkeypatch.setattr(people_file, "MAX_BYTES", 5)
    with pytest.raises(PeopleFaults, match="split it"):
        rows("upn\nana@x\n")


def people_or_faults(content: bytes) -> list[str]:
    """The UPNs of a file, or what is wrong with it."""
    try:
        return [row.says["upn"] for row in read_people(content)]
    except PeopleFaults as error:
        return list(error.faults)


@given(st.binary(max_size=200))
def test_no_bytes_break_the_reader(content: bytes) -> None:
    assert people_or_faults(content) or not content.strip(b"\r\n")
    for head in (b"upn,name\n", b"upn;licences\n"):
        assert all(people_or_faults(head + content))
