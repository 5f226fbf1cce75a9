"""Reading usage as a whole: every format of formats.md comes out as the same table."""

import json
from pathlib import Path

import polars as pl
import pytest

from talktime.files import records
from talktime.files.read_usage import read_usage
from talktime.files.usage import NotUsage, UnusableFile, currencies, usage_schema
from tests.files.usage_samples import (
    CALL,
    CALLING_PLANS_20,
    CALLING_PLANS_25,
    DIRECT_ROUTING_25,
    GRAPH,
    GRAPH_ROUTED,
    LEGACY,
    ROUTED,
    call,
    read,
    reasons,
    rows,
    table,
    written,
)

START_US = 1_772_355_600_123_456


def test_the_25_columns(tmp_path: Path) -> None:
    usage = read(tmp_path, table(CALLING_PLANS_25, CALL))
    assert usage.calls.schema == pl.Schema(usage_schema())
    assert rows(usage) == [
        {
            "id": "u1",
            "call_id": "c1",
            "conference_id": "",
            "tenant": "",
            "user_id": "o1",
            "upn": "ana@contoso.example",
            "user_name": "Ana, of Sales",
            "caller": "+14255550100",
            "callee": "+442071838750",
            "call_type": "user_out",
            "direction": "outbound",
            "number_type": "user",
            "scope": "international",
            "location": "US",
            "destination": "United Kingdom",
            "country_hint": "GB",
            "operator": "microsoft",
            "capability": "MCOPSTN2",
            "duration_source": "Microsoft",
            "administrative_units": "",
            "vendor_fee": "0",
            "vendor_charge": "0.0880",
            "vendor_currency": "USD",
            "source": "usage.csv",
            "format": "calling_plans_25",
            "start_us": START_US,
            "duration_s": 219,
            "end_us": START_US + 219_000_000,
            "file": 0,
            "line": 2,
            "answered": True,
            "end_disagrees": False,
        }
    ]
    assert usage.formats == ("calling_plans_25",)
    assert usage.recognised == ("usage.csv: Calling Plans export, 25 columns, 1 row",)
    assert usage.warnings == ()
    assert usage.columns_unknown == ()


def test_the_20_columns(tmp_path: Path) -> None:
    usage = read(tmp_path, table(CALLING_PLANS_20, CALL))
    (row,) = rows(usage)
    assert usage.formats == ("calling_plans_20",)
    assert (row["id"], row["user_id"], row["direction"], row["operator"]) == ("u1", "o1", "", "")


def test_direct_routing(tmp_path: Path) -> None:
    usage = read(tmp_path, table(DIRECT_ROUTING_25, ROUTED))
    (row,) = rows(usage)
    assert usage.formats == ("direct_routing",)
    assert usage.columns_unknown == ()
    assert (row["id"], row["call_id"], row["call_type"]) == ("r1/outbound", "r1", "dr_out")
    assert (row["start_us"], row["number_type"], row["answered"]) == (1_772_355_600_000_000, "user", True)
    assert any("no zone" in warning for warning in usage.warnings)


@pytest.mark.parametrize(
    "header",
    [
        "Display Name,UPN,Start time,Duration (seconds),Call Direction,Success,Caller Number,Callee Number",
        "User,Email,Date,Duration,CallDirection,Success,Source,Destination",
        "UserName,Email,CallDate,CallDuration,call direction ,SUCCESS, From,To",
        "User,Email,Date,Duration,Direction,Success,From,ToNumber",
    ],
)
@pytest.mark.parametrize(("direction", "call_type"), [("Inbound", "dr_in"), ("Outbound", "dr_out")])
def test_subsets_of_direct_routing(tmp_path: Path, header: str, direction: str, call_type: str) -> None:
    row = f"Ana,ana@contoso.example,2025-01-02 09:15:00,61,{direction},Yes,1001,+442071838750"
    usage = read(tmp_path, f"{header}\n{row}\n")
    (found,) = rows(usage)
    assert usage.formats == ("direct_routing",)
    assert (found["call_type"], found["duration_s"]) == (call_type, 61)
    assert (found["user_name"], found["upn"]) == ("Ana", "ana@contoso.example")
    assert (found["caller"], found["callee"]) == ("1001", "+442071838750")
    assert found["start_us"] == 1_735_809_300_000_000
    assert len(found["id"]) == 64


def test_a_call_that_failed_is_kept_and_not_answered(tmp_path: Path) -> None:
    failed = ROUTED | {
        "Success": "No",
        "Start time": "",
        "End time": "2026-03-01 09:00:30",
        "Duration (seconds)": "0",
    }
    silent = ROUTED | {"CorrelationId": "r2", "Duration (seconds)": "0", "End time": ""}
    usage = read(tmp_path, table(DIRECT_ROUTING_25, failed, silent, ROUTED | {"CorrelationId": "r3"}))
    assert [(row["answered"], row["end_disagrees"]) for row in rows(usage)] == [
        (False, False),
        (False, False),
        (True, False),
    ]
    assert rows(usage)[0]["start_us"] == 1_772_355_590_000_000  # the invite, where there is no start


def test_both_legs_of_a_correlation_are_kept(tmp_path: Path) -> None:
    inbound = ROUTED | {"Call Direction": "Inbound", "Call type": "dr_in"}
    usage = read(tmp_path, table(DIRECT_ROUTING_25, ROUTED, inbound, ROUTED))
    assert [row["id"] for row in rows(usage)] == ["r1/outbound", "r1/inbound"]
    assert usage.duplicate_rows == 1


def test_a_graph_page(tmp_path: Path) -> None:
    usage = read(tmp_path, json.dumps({"@odata.count": 1, "value": [GRAPH]}), "page.json")
    (row,) = rows(usage)
    assert usage.formats == ("graph_pstn",)
    assert usage.columns_unknown == ()
    assert (row["id"], row["start_us"], row["duration_s"]) == ("g1", START_US, 219)
    assert (row["location"], row["scope"], row["country_hint"]) == ("US", "international", "GB")
    assert (row["number_type"], row["vendor_charge"], row["vendor_fee"]) == ("subscriber", "0.088", "0.0")
    assert (row["conference_id"], row["line"]) == ("", 1)


def test_graph_direct_routing(tmp_path: Path) -> None:
    usage = read(tmp_path, json.dumps({"value": [GRAPH_ROUTED]}), "page.json")
    (row,) = rows(usage)
    assert usage.formats == ("graph_direct_routing",)
    assert (row["id"], row["call_type"], row["caller"]) == ("d1", "byotout", "+12345678***")
    assert (row["start_us"], row["answered"], row["end_disagrees"]) == (1_772_355_600_000_000, False, False)


def test_the_legacy_export_has_tabs_in_a_csv(tmp_path: Path) -> None:
    old = {
        "Call ID": "c1",
        "User ID": "ana@contoso.example",
        "Phone number": "+442071838750",
        "User location": "us",
        "Caller ID": "+14255550100",
        "Call type": "USER_OUT",
        "Number type": "Toll-free",
        "Start Time (UTC)": "11/18/2024 3:04:05 PM",
        "Duration": "0:03:39",
        "Currency": "USD",
    }
    usage = read(tmp_path, table(LEGACY, old, delimiter="\t"))
    (row,) = rows(usage)
    assert usage.formats == ("legacy",)
    assert (row["caller"], row["callee"]) == ("+14255550100", "+442071838750")
    assert (row["upn"], row["location"], row["call_type"]) == ("ana@contoso.example", "US", "user_out")
    assert (row["number_type"], row["duration_s"]) == ("toll_free", 219)
    assert row["start_us"] == 1_731_942_245_000_000


def test_a_date_that_may_be_two_days_is_set_aside(tmp_path: Path) -> None:
    old = {"Caller ID": "1", "Phone number": "2", "Call type": "user_out", "Duration": "1"}
    text = table(LEGACY, old | {"Start Time (UTC)": "03/04/2024 10:00"}, delimiter="\t")
    usage = read(tmp_path, text)
    why = "'03/04/2024 10:00' may be two days: set date_order to dmy or mdy in a column map"
    assert usage.calls.height == 0
    assert reasons(usage) == [(2, f"Start Time (UTC): {why}")]
    map_file = written(tmp_path, 'base = "legacy"\ndate_order = "dmy"', "map.toml")
    assert rows(read(tmp_path, text, map_file=map_file))[0]["start_us"] == 1_712_138_400_000_000


@pytest.mark.parametrize(
    ("shown", "order", "starts"),
    [
        ("25/04/2024 10:00", "day/month", ["2024-04-03 10:00", "2024-04-25 10:00", "2024-06-05 10:00"]),
        ("04/25/2024 10:00", "month/day", ["2024-03-04 10:00", "2024-04-25 10:00", "2024-05-06 10:00"]),
    ],
)
@pytest.mark.parametrize("block_bytes", [1000, 2**20])
def test_rows_of_the_file_show_the_order_of_its_dates(
    tmp_path: Path,
    shown: str,
    order: str,
    starts: list[str],
    block_bytes: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(records.record_blocks, "__defaults__", (block_bytes,))
    old = {"Caller ID": "1", "Phone number": "2", "Call type": "user_out", "Duration": "1"}
    times = ("03/04/2024 10:00", shown, "05/06/2024 10:00")
    long = old | {"Call ID": "c" * 3000}  # each row comes in a block of its own, if blocks are small
    text = table(LEGACY, *(long | {"Start Time (UTC)": time} for time in times), delimiter="\t")
    usage = read(tmp_path, text)
    found = pl.from_epoch(usage.calls["start_us"], "us").dt.strftime("%Y-%m-%d %H:%M")
    assert found.to_list() == starts
    assert usage.calls["line"].to_list() == [2, 3, 4]
    assert usage.rejected == ()
    assert usage.warnings[0] == (
        f"usage.csv: in 2 rows the date may be two days and was read as {order}, as other rows show; "
        "set date_order in a column map if that is wrong"
    )


def test_rows_that_show_two_orders_decide_nothing(tmp_path: Path) -> None:
    old = {"Caller ID": "1", "Phone number": "2", "Call type": "user_out", "Duration": "1"}
    times = ("25/04/2024 10:00", "03/04/2024 10:00", "04/25/2024 10:00")
    usage = read(tmp_path, table(LEGACY, *(old | {"Start Time (UTC)": time} for time in times)))
    assert usage.calls["line"].to_list() == [2, 4]
    assert [(line, "may be two days" in reason) for line, reason in reasons(usage)] == [(3, True)]
    assert usage.rejected[0].text.startswith(",,2,,1,user_out")


FREESWITCH = (
    '"Ana","1001","0014255550100","default","2026-03-01 09:00:00","2026-03-01 09:00:10",'
    '"2026-03-01 09:01:10","70","60","NORMAL_CLEARING","5ba0-1","","acme","PCMU","PCMU"\n'
    '"Ana","1001","0014255550100","default","2026-03-01 10:00:00","","2026-03-01 10:00:20",'
    '"20","0","NO_ANSWER","5ba0-2","","acme","PCMU","PCMU"\n'
)


def test_freeswitch(tmp_path: Path) -> None:
    for how in ({}, {"preset": "freeswitch"}):
        usage = read(tmp_path, FREESWITCH, "Master.csv", **how)
        answered, missed = rows(usage)
        assert usage.formats == ("freeswitch",)
        assert (answered["id"], answered["user_id"], answered["user_name"]) == ("5ba0-1", "acme", "Ana")
        assert (answered["caller"], answered["callee"]) == ("1001", "0014255550100")
        assert (answered["start_us"], answered["duration_s"]) == (1_772_355_610_000_000, 60)
        assert (answered["call_type"], answered["direction"], answered["line"]) == ("user_out", "outbound", 1)
        assert (missed["start_us"], missed["answered"]) == (1_772_359_200_000_000, False)
        assert not missed["end_disagrees"]


ASTERISK = (
    '"acme","1001","0014255550100","outgoing","""Ana"" <1001>","SIP/1001-1","SIP/trunk-2","Dial","SIP/x,60",'
    '"2026-03-01 09:00:00","2026-03-01 09:00:10","2026-03-01 09:01:10",'
    '70,60,"ANSWERED","DOCUMENTATION"{more}\n'
    '"acme","1001","0014255550100","outgoing","""Ana"" <1001>","SIP/1001-1","SIP/trunk-2","Dial","SIP/x,60",'
    '"2026-03-01 10:00:00",,"2026-03-01 10:00:20",20,0,"NO ANSWER","DOCUMENTATION"{more}\n'
)


@pytest.mark.parametrize("more", ["", ',"1772355600.1"', ',"1772355600.1","","peer","1772355600.1",7'])
def test_asterisk(tmp_path: Path, more: str) -> None:
    for how in ({}, {"preset": "asterisk"}):
        usage = read(tmp_path, ASTERISK.format(more=more), "Master.csv", **how)
        answered, missed = rows(usage)
        assert usage.formats == ("asterisk",)
        assert usage.columns_unknown == ()
        assert (answered["start_us"], answered["duration_s"]) == (1_772_355_610_000_000, 60)
        assert (missed["start_us"], missed["answered"]) == (1_772_359_200_000_000, False)
        assert len({answered["id"], missed["id"]}) == 2


def test_a_column_map(tmp_path: Path) -> None:
    map_file = written(
        tmp_path,
        'name = "our switch"\ntime_zone = "Europe/Berlin"\n[columns]\nstart = "calldate"\ncaller = "a"\n'
        'callee = "b"\nduration = "sec"\n[fixed]\nlocation = "DE"\n',
        "map.toml",
    )
    text = "calldate;a;b;sec;note\n2026-07-01 12:00:00;030123;+442071838750;61,\n"
    usage = read(tmp_path, text.replace("61,", "60.2;"), map_file=map_file)
    (row,) = rows(usage)
    assert usage.formats == ("generic",)
    assert usage.recognised == ("usage.csv: our switch, 1 row",)
    assert (row["start_us"], row["duration_s"]) == (1_782_900_000_000_000, 61)
    assert (row["call_type"], row["location"]) == ("user_out", "DE")
    assert usage.columns_unknown == ("note",)
    assert usage.warnings == ("usage.csv: columns that are not known were left out: note",)


def test_columns_by_their_numbers(tmp_path: Path) -> None:
    usage = read(
        tmp_path,
        "+14255550100|+442071838750|1772355600|60\n",
        columns={"caller": "1", "callee": "2", "start": "3", "duration": "4"},
        map_file=written(tmp_path, 'times = "epoch_s"', "map.toml"),
    )
    (row,) = rows(usage)
    assert (row["start_us"], row["callee"], row["line"]) == (1_772_355_600_000_000, "+442071838750", 1)


def test_our_own_table_comes_back(tmp_path: Path) -> None:
    usage = read(tmp_path, table(CALLING_PLANS_25, CALL, call(UsageId="u2", Duration_Seconds="0")))
    usage.calls.write_parquet(tmp_path / "own.parquet")
    again = read_usage([tmp_path / "own.parquet"])
    same = pl.exclude("source", "format", "line")
    assert again.formats == ("talktime",)
    assert again.columns_unknown == ()
    assert again.warnings == ()
    assert again.calls.select(same).rows() == usage.calls.select(same).rows()


def test_duplicates_are_dropped_across_files(tmp_path: Path) -> None:
    one = written(tmp_path, table(CALLING_PLANS_25, CALL, call(UsageId="u2")), "one.csv")
    two = written(
        tmp_path, table(CALLING_PLANS_25, call(UsageId="u2", Charge="9"), call(UsageId="u3")), "two.csv"
    )
    usage = read_usage([one, two])
    assert [(row["id"], row["source"], row["vendor_charge"]) for row in rows(usage)] == [
        ("u1", "one.csv", "0.0880"),
        ("u2", "one.csv", "0.0880"),
        ("u3", "two.csv", "0.0880"),
    ]
    assert usage.duplicate_rows == 1
    assert usage.formats == ("calling_plans_25",)


def test_rows_without_id_get_a_stable_one(tmp_path: Path) -> None:
    header = [name for name in CALLING_PLANS_25 if name != "UsageId"]
    text = table(header, CALL, CALL, call(Duration_Seconds="220"), call(Caller_ID="+1 (425) 555-0100"))
    first = read(tmp_path, text)
    ids = first.calls["id"].to_list()
    assert len(set(ids)) == 4
    assert {len(one) for one in ids} == {64}
    again = read_usage([written(tmp_path, text, "again.csv"), tmp_path / "usage.csv"])
    assert again.calls["id"].to_list() == ids  # the same file gives the same rows, equal ones included
    assert again.duplicate_rows == 4
    shuffled = read(tmp_path, table(header, call(Duration_Seconds="220"), CALL))
    assert set(shuffled.calls["id"]) == {ids[0], ids[2]}


def test_files_of_one_name_are_told_apart(tmp_path: Path) -> None:
    for month in ("january", "february"):
        (tmp_path / month).mkdir()
        written(tmp_path / month, table(CALLING_PLANS_25, call(UsageId=month)))
    usage = read_usage([tmp_path])
    assert [Path(source).parent.name for source in usage.calls["source"]] == ["february", "january"]


def test_currencies_are_listed(tmp_path: Path) -> None:
    calls = [call(UsageId="u1"), call(UsageId="u2", Currency="EUR"), call(UsageId="u3", Currency="")]
    assert currencies(read(tmp_path, table(CALLING_PLANS_25, *calls))) == ("EUR", "USD")
    assert currencies(read(tmp_path, table(CALLING_PLANS_25))) == ()


def test_a_header_alone_is_no_fault(tmp_path: Path) -> None:
    usage = read(tmp_path, table(CALLING_PLANS_25))
    assert usage.calls.schema == pl.Schema(usage_schema())
    assert usage.calls.height == 0
    assert usage.warnings == ("usage.csv: the file holds no row that can be used",)


def test_progress_is_told_in_bytes(tmp_path: Path) -> None:
    one = written(tmp_path, table(CALLING_PLANS_25, CALL), "one.csv")
    two = written(tmp_path, table(CALLING_PLANS_25, call(UsageId="u2")), "two.csv")
    total = one.stat().st_size + two.stat().st_size
    told: list[tuple[int, int]] = []
    read_usage([one, two], progress=lambda done, of: told.append((done, of)))
    assert told[-1] == (total, total)
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert {of for _, of in told} == {total}


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", "usage.csv: the file is empty; export it again"),
        ("\n\n", "usage.csv: the file is empty; export it again"),
        (b"\xef\xbb\xbf", "usage.csv: the file is empty; export it again"),
        (b"\x89PNG\r\n\x1a\n123", "usage.csv: this is a picture (PNG), not a usage file"),
        (b"%PDF-1.7 ...", "usage.csv: this is a PDF document, not a usage file"),
        ("<!DOCTYPE html><p>", "usage.csv: this is a web page, not a usage file"),
        (
            "Destination Name,Destination Type,Country,Prefix,Price / min\nx,mobile,US,1,0.1",
            "usage.csv: the file is a rate deck, not usage: give it with --rates, and usage in its place",
        ),
        (
            "+1831\t0.0045\tUSA - CA\n",
            "usage.csv: the file is a rate deck, not usage: give it with --rates, and usage in its place",
        ),
        (
            ",".join(CALL.values()).replace("Ana, of", "Ana of"),
            "usage.csv: the file has no header of a usage file (it begins with "
            "'u1, c1, US, o1'): export it again with its header, or name its columns in a column map",
        ),
        (
            "UsageId,Call Type,Call Direction,Caller ID,Start Time,Duration Seconds,Operator\n",
            "usage.csv: the file looks like Calling Plans export, 25 columns, but has no column "
            "'Destination Number': export it with that column, or name the columns in a column map",
        ),
        (
            "Start time,Call Direction,Success,SBC FQDN\n",
            "usage.csv: the file looks like Direct Routing export, but has no column 'Caller Number', "
            "'Callee Number', 'Duration (seconds)': export it with that column, "
            "or name the columns in a column map",
        ),
    ],
)  # fmt: skip
def test_what_is_no_usage_is_named(tmp_path: Path, content: str | bytes, sentence: str) -> None:
    with pytest.raises(NotUsage) as caught:
        read(tmp_path, content)
    assert str(caught.value) == sentence


def test_the_graph_sample(shared_data: Path) -> None:
    usage = read_usage([shared_data / "usage" / "graph-pstn-sample.json"])
    (row,) = rows(usage)
    assert usage.formats == ("graph_pstn",)
    assert (row["duration_s"], row["call_type"], row["scope"]) == (219, "user_in", "")
    assert row["start_us"] == 1_572_566_408_258_993


def test_the_price_file_is_no_usage(shared_data: Path) -> None:
    with pytest.raises(NotUsage, match="is a rate deck, not usage"):
        read_usage([shared_data / "rates" / "communication-services-pstn-rates.csv"])


def test_an_unknown_preset_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnusableFile, match="there is no format 'cisco'; there are calling_plans_25, "):
        read(tmp_path, table(CALLING_PLANS_25, CALL), preset="cisco")
