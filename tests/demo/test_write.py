"""Each file says of a call what the row says, in the words of its format; same rows, same bytes."""

import csv
import json
import zipfile
from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pytest

from talktime.demo.exports import (
    CALLING_PLANS_20,
    CALLING_PLANS_25,
    DIRECT_ROUTING_25,
    LEGACY,
    MINIMAL,
    Export,
    instant_text,
    second_text,
)
from talktime.demo.row import UsageRow
from talktime.demo.write import (
    graph_row,
    write_calling_plans_20_csv,
    write_calling_plans_csv,
    write_calling_plans_zip,
    write_direct_routing_csv,
    write_graph_json,
    write_graph_lines,
    write_legacy_csv,
    write_minimal_csv,
    write_table,
)
from tests.demo.month import month_of_calls

Write = Callable[[Sequence[UsageRow], Path], int]

ROW = UsageRow(
    usage_id="u-1",
    call_id="c-1",
    conference_id="123456789",
    location="GB",
    user_id="id-1",
    upn="ana@contoso.example",
    user_name="Ana",
    caller="+442079460118",
    call_type="user_out_forwarding",
    direction="Outbound",
    number_type="Subscriber",
    scope="International",
    destination="Ireland",
    callee="+353209100100",
    country="IE",
    start_us=1_772_356_522_123_456,
    end_us=1_772_356_741_123_456,
    duration_s=219,
    connection_fee="0",
    charge="0.0640",
    currency="USD",
    capability="MCOPSTNPP",
    operator="Microsoft",
    duration_source="microsoft",
    administrative_units="EMEA, United Kingdom",
    tenant_country="US",
)
WRITERS: dict[str, tuple[Write, Export, int]] = {
    "calling plans 25": (write_calling_plans_csv, CALLING_PLANS_25, 25),
    "calling plans 20": (write_calling_plans_20_csv, CALLING_PLANS_20, 20),
    "direct routing": (write_direct_routing_csv, DIRECT_ROUTING_25, 25),
    "legacy": (write_legacy_csv, LEGACY, 15),
    "minimal": (write_minimal_csv, MINIMAL, 8),
}


def read(path: Path, export: Export) -> list[dict[str, str]]:
    """The rows of a file by the names of its header; each has all columns."""
    with path.open(encoding=export.encoding, newline="") as file:
        header, *rows = csv.reader(file, delimiter=export.delimiter)
    return [dict(zip(header, row, strict=True)) for row in rows]


@pytest.mark.parametrize("name", WRITERS)
def test_a_table_holds_every_row(name: str, tmp_path: Path) -> None:
    write, export, columns = WRITERS[name]
    rows = month_of_calls()
    assert write(rows, tmp_path / "usage.csv") == len(rows)
    read_back = read(tmp_path / "usage.csv", export)
    assert len(read_back) == len(rows)
    assert len(read_back[0]) == columns
    assert [line[export.duration] for line in read_back] == [str(row.duration_s) for row in rows]


@pytest.mark.parametrize("name", WRITERS)
def test_the_same_rows_make_the_same_bytes(name: str, tmp_path: Path) -> None:
    write, _, _ = WRITERS[name]
    for file in ("one", "two"):
        write(month_of_calls(), tmp_path / file)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_the_calling_plans_export_says_what_the_row_says(tmp_path: Path) -> None:
    write_calling_plans_csv([ROW], tmp_path / "usage.csv")
    assert read(tmp_path / "usage.csv", CALLING_PLANS_25) == [
        {
            "UsageId": "u-1",
            "Call ID": "c-1",
            "Conference ID": "123456789",
            "User Location": "GB",
            "Microsoft Entra ObjectId": "id-1",
            "UPN": "ana@contoso.example",
            "User Display Name": "Ana",
            "Caller ID": "+442079460118",
            "Call Type": "user_out_forwarding",
            "Call Direction": "Outbound",
            "Number Type": "Subscriber",
            "Domestic/International": "International",
            "Destination Dialed": "Ireland",
            "Destination Number": "+353209100100",
            "External Country": "IE",
            "Start Time": "2026-03-01T09:15:22.1234563Z",
            "End Time": "2026-03-01T09:19:01.1234565Z",
            "Duration Seconds": "219",
            "Connection Fee": "0",
            "Charge": "0.0640",
            "Currency": "USD",
            "Capability": "MCOPSTNPP",
            "Operator": "Microsoft",
            "Source of Call Duration": "microsoft",
            "Administrative Units": "EMEA, United Kingdom",
        }
    ]


@pytest.mark.parametrize(("export", "expected"), [
    (CALLING_PLANS_20, {"AAD ObjectId": "id-1", "Call Type": "user_out_forwarding", "Charge": "0.0640"}),
    (CALLING_PLANS_20, {"Number Type": "Subscriber", "Capability": "MCOPSTNPP", "Call ID": "c-1"}),
    (DIRECT_ROUTING_25, {"CorrelationId": "u-1", "Call type": "dr_out_user_forwarding", "Success": "Yes"}),
    (DIRECT_ROUTING_25, {"Caller Number": "+442079460118", "Shared correlation ID": "c-1"}),
    (LEGACY, {"User ID": "ana@contoso.example", "Phone number": "+353209100100", "ConfID": "123456789"}),
    (LEGACY, {"Start Time (UTC)": "2026-03-01 09:15:22", "Duration": "219", "Charge": "0.0640"}),
    (MINIMAL, {"Start time": "2026-03-01 09:15:22", "Success": "Yes", "Callee Number": "+353209100100"}),
])  # fmt: skip
def test_other_tables_say_the_same_in_their_words(
    export: Export, expected: dict[str, str], tmp_path: Path
) -> None:
    write_table([ROW], tmp_path / "usage", export)
    line = read(tmp_path / "usage", export)[0]
    assert {name: line[name] for name in expected} == expected


@pytest.mark.parametrize("export", [DIRECT_ROUTING_25, MINIMAL])
def test_a_call_of_no_seconds_had_no_success(export: Export, tmp_path: Path) -> None:
    write_table([ROW._replace(duration_s=0)], tmp_path / "usage", export)
    assert read(tmp_path / "usage", export)[0]["Success"] == "No"


@pytest.mark.parametrize("name", ['Ana "Nina" Roy', "Roy, Ana", "Ana\nRoy", "Ana\tRoy", "Zoë Çelik", " Ana "])
@pytest.mark.parametrize("export", [CALLING_PLANS_25, CALLING_PLANS_20, LEGACY])
def test_a_name_comes_back_as_it_was(name: str, export: Export, tmp_path: Path) -> None:
    write_table([ROW._replace(user_name=name, upn=name)], tmp_path / "usage", export)
    line = read(tmp_path / "usage", export)[0]
    assert line.get("UPN", line.get("User ID")) == name


def test_lines_end_as_the_format_says(tmp_path: Path) -> None:
    write_calling_plans_csv([ROW], tmp_path / "new.csv")
    write_calling_plans_20_csv([ROW], tmp_path / "old.csv")
    assert (tmp_path / "new.csv").read_bytes().count(b"\r\n") == 2
    old = (tmp_path / "old.csv").read_bytes()
    assert old.startswith(b"\xef\xbb\xbfUsageId,")
    assert b"\r" not in old


@pytest.mark.parametrize("at_us", [0, 1, 951_782_399_999_999, 1_772_356_522_123_456, 4_102_444_799_000_000])
def test_instants_are_iso_8601(at_us: int) -> None:
    text = instant_text(at_us)
    since = datetime.fromisoformat(text[:26] + "Z") - datetime.fromisoformat("1970-01-01T00:00:00Z")
    assert (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds == at_us
    assert len(text) == len("2026-03-01T09:15:22.1234567Z")
    assert second_text(at_us) == text[:19].replace("T", " ")


# --- bad rows ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("spoil", [1, 3, 10])
def test_bad_rows_stand_beside_the_good_ones(name: str, spoil: int, tmp_path: Path) -> None:
    _, export, columns = WRITERS[name]
    rows = month_of_calls()[:40]
    assert write_table(rows, tmp_path / "good", export) == 40
    assert write_table(rows, tmp_path / "both", export, spoil=spoil) == 40 + spoil
    with (tmp_path / "good").open(newline="") as good, (tmp_path / "both").open(newline="") as both:
        good_lines = set(good)
        bad = [line for line in both if line not in good_lines]
    cells = list(csv.reader(bad, delimiter=export.delimiter))
    short = [each for each in cells if len(each) < columns]
    impossible = [each for each in cells if "2026-02-30T25:61:00Z" in each]
    negative = [each for each in cells if "-12" in each]
    assert len(short) + len(impossible) + len(negative) == len(cells) == spoil
    assert [bool(short), bool(impossible), bool(negative)] == [spoil > 0, spoil > 1, spoil > 2]


def test_no_rows_leave_nothing_to_spoil(tmp_path: Path) -> None:
    assert write_calling_plans_csv([], tmp_path / "usage.csv", spoil=5) == 0


# --- archive, Graph -----------------------------------------------------------------------------------------


def test_the_archive_holds_the_table_and_its_parameters(tmp_path: Path) -> None:
    rows = month_of_calls()
    path = write_calling_plans_zip(rows, tmp_path, export_id="1a2b")
    write_calling_plans_csv(rows, tmp_path / "usage.csv")
    assert path == tmp_path / "Export.callingplans.1a2b.zip"
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        table, parameters = archive.namelist()
        assert archive.read(table) == (tmp_path / "usage.csv").read_bytes()
        assert parameters == "parameters.json"
        assert json.loads(archive.read(parameters))["rows"] == len(rows)


def test_the_archive_has_the_same_bytes_again(tmp_path: Path) -> None:
    rows = month_of_calls()
    first = write_calling_plans_zip(rows, tmp_path).read_bytes()
    assert write_calling_plans_zip(rows, tmp_path).read_bytes() == first


def test_a_graph_row_has_the_keys_of_the_reference(shared_data: Path) -> None:
    sample = json.loads((shared_data / "usage/graph-pstn-sample.json").read_text("utf-8"))["value"][0]
    assert sample.keys() <= graph_row(ROW).keys()


def test_graph_pages_hold_every_row_once(tmp_path: Path) -> None:
    rows = month_of_calls()
    assert write_graph_json(rows, tmp_path / "usage.json", rows_a_page=1_000) == len(rows)
    pages = json.loads((tmp_path / "usage.json").read_bytes(), parse_float=Decimal)
    assert [len(page["value"]) for page in pages] == [1_000, 1_000, 1_000, 6]
    assert ["@odata.nextLink" in page for page in pages] == [True, True, True, False]
    assert [one["id"] for page in pages for one in page["value"]] == [row.usage_id for row in rows]
    assert [one["charge"] for page in pages for one in page["value"]] == [Decimal(row.charge) for row in rows]


@pytest.mark.parametrize("number", [0, 1, 5])
def test_one_page_stands_alone(number: int, tmp_path: Path) -> None:
    write_graph_json(month_of_calls()[:number], tmp_path / "usage.json", pages=False)
    page = json.loads((tmp_path / "usage.json").read_bytes())
    assert page["@odata.count"] == len(page["value"]) == number
    assert "@odata.nextLink" not in page


@pytest.mark.parametrize("number", [0, 4, 5])
def test_a_full_last_page_is_the_last(number: int, tmp_path: Path) -> None:
    write_graph_json(month_of_calls()[:number], tmp_path / "usage.json", rows_a_page=2)
    pages = json.loads((tmp_path / "usage.json").read_bytes())
    assert len(pages) == max(1, -(-number // 2))
    assert "@odata.nextLink" not in pages[-1]


def test_graph_rows_one_a_line(tmp_path: Path) -> None:
    rows = month_of_calls()[:20]
    assert write_graph_lines(rows, tmp_path / "usage.jsonl") == 20
    lines = (tmp_path / "usage.jsonl").read_text("utf-8").splitlines()
    assert [json.loads(line)["callId"] for line in lines] == [row.call_id for row in rows]


def test_what_a_row_does_not_have_is_null_in_graph(tmp_path: Path) -> None:
    bare = ROW._replace(upn="", user_id="", user_name="", scope="", conference_id="", country="")
    write_graph_lines([bare, ROW], tmp_path / "usage.jsonl")
    first, second = map(json.loads, (tmp_path / "usage.jsonl").read_text("utf-8").splitlines())
    assert {key for key, value in first.items() if value is None} == {
        "userId",
        "userPrincipalName",
        "userDisplayName",
        "destinationContext",
        "conferenceId",
        "otherPartyCountryCode",
    }
    assert None not in second.values()
    assert '"charge":0.0640,' in (tmp_path / "usage.jsonl").read_text("utf-8")
