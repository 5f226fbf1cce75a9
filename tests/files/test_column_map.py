"""Column maps: what they change, and what is refused in them."""

from pathlib import Path

import pytest

from talktime.files.column_map import chosen_format
from talktime.files.usage import UnusableFile
from tests.files.usage_samples import CALLING_PLANS_25, call, read, rows, table, written

SWITCH = "calldate,source,destination,billsec\n2026-03-01 09:00:00,1001,+442071838750,61\n"
SWITCH_COLUMNS = {"start": "calldate", "caller": "source", "callee": "destination", "duration": "billsec"}


def test_nothing_asked_is_nothing_chosen() -> None:
    assert chosen_format(None, None, None) is None
    assert chosen_format(None, {}, None) is None


def test_a_preset_alone_is_the_format_as_it_is() -> None:
    form = chosen_format(None, None, "asterisk")
    assert form is not None
    assert (form.name, form.layout is None) == ("asterisk", False)


def test_a_map_changes_a_preset(tmp_path: Path) -> None:
    map_file = written(
        tmp_path,
        'base = "freeswitch"\ndelimiter = ";"\ntime_zone = "America/New_York"\n[fixed]\nlocation = "US"\n',
        "map.toml",
    )
    form = chosen_format(map_file, {"upn": "accountcode"}, None)
    assert form is not None
    assert (form.name, form.delimiter, form.time_zone) == ("freeswitch", ";", "America/New_York")
    assert form.fixed == {
        "call_type": "user_out",
        "direction": "outbound",
        "number_type": "user",
        "location": "US",
    }
    assert form.columns["upn"] == ("accountcode",)
    assert ("upn",) in form.required


def test_the_option_wins_over_the_file_and_the_preset_over_its_base(tmp_path: Path) -> None:
    map_file = written(tmp_path, 'base = "freeswitch"\n[columns]\ncaller = "a"\n', "map.toml")
    form = chosen_format(map_file, {"caller": "b"}, "asterisk")
    assert form is not None
    assert (form.name, form.columns["caller"]) == ("asterisk", ("b",))


def test_a_column_that_is_mapped_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(UnusableFile) as caught:
        read(tmp_path, "start,caller,callee,duration\n", columns={"upn": "mail"})
    assert str(caught.value) == (
        "usage.csv: the file has no column 'mail' (for upn); it has start, caller, callee, duration: "
        "mend the column map"
    )


@pytest.mark.parametrize(
    ("columns", "why"),
    [
        (
            SWITCH_COLUMNS | {"start": "calldat"},
            "'calldat' (for start); it has calldate, source, destination, billsec: mend the column map",
        ),
        (
            SWITCH_COLUMNS | {"start": "when", "end": "when"},
            "'when' (for start and end); it has calldate, source, destination, billsec: mend the column map",
        ),
        (
            {"start": "1", "caller": "2", "callee": "3", "duration": "61"},
            "'61' (for duration); it has 4 columns: mend the column map",
        ),
    ],
)
def test_a_wrong_name_is_named_once(tmp_path: Path, columns: dict[str, str], why: str) -> None:
    with pytest.raises(UnusableFile) as caught:
        read(tmp_path, SWITCH, columns=columns)
    assert str(caught.value) == f"usage.csv: the file has no column {why}"


def test_what_a_map_leaves_out_is_named_by_its_key(tmp_path: Path) -> None:
    with pytest.raises(UnusableFile) as caught:
        read(tmp_path, "when,from,to,secs\n", columns={"caller": "from", "callee": "to"})
    assert str(caught.value) == (
        "usage.csv: the file has no column for start, duration; it has when, from, to, secs: "
        "name them in the column map"
    )


def test_a_small_map_makes_a_switch_s_table_whole(tmp_path: Path) -> None:
    usage = read(tmp_path, SWITCH, columns={"caller": "source", "callee": "destination"})
    (row,) = rows(usage)
    assert (usage.formats, row["caller"], row["duration_s"]) == (("asterisk",), "1001", 61)


def test_a_small_map_changes_the_format_that_is_recognised(tmp_path: Path) -> None:
    header = [name if name != "UPN" else "Mail" for name in CALLING_PLANS_25]
    text = table(header, call(Start_Time="03/04/2026 10:00", End_Time="") | {"Mail": "bo@contoso.example"})
    map_file = written(tmp_path, 'date_order = "dmy"', "map.toml")
    usage = read(tmp_path, text, map_file=map_file, columns={"upn": "Mail"})
    (row,) = rows(usage)
    assert usage.formats == ("calling_plans_25",)
    assert (row["id"], row["upn"], row["start_us"]) == ("u1", "bo@contoso.example", 1_775_210_400_000_000)
    assert usage.columns_unknown == ()


def test_a_small_map_changes_a_layout_and_the_generic_format(tmp_path: Path) -> None:
    stamp = '"2026-03-01 09:00:00"'
    line = f'"Ana","1","2","x",{stamp},{stamp},{stamp},"9","9","OK","u","","acc","PCMU","PCMU"\n'
    usage = read(tmp_path, line, columns={"upn": "13"})
    assert (usage.formats, rows(usage)[0]["upn"]) == (("freeswitch",), "acc")
    own = "when,caller,callee,duration\n2026-03-01T09:00:00Z,1,2,3\n"
    assert read(tmp_path, own, columns={"start": "when"}).formats == ("generic",)


def test_a_column_can_be_left_out(tmp_path: Path) -> None:
    text = "start,caller,callee,duration,upn\n2026-03-01T09:00:00Z,1,2,3,ana\n"
    (row,) = rows(read(tmp_path, text, columns={"upn": ""}))
    assert row["upn"] == ""


def test_a_number_beside_a_preset_without_header(tmp_path: Path) -> None:
    stamp = '"2026-03-01 09:00:00"'
    line = f'"Ana","1","2","x",{stamp},{stamp},{stamp},"9","9","OK","u","","acc","PCMU","PCMU"\n'
    (row,) = rows(read(tmp_path, line, preset="freeswitch", columns={"upn": "13"}))
    assert (row["upn"], row["user_id"], row["duration_s"]) == ("acc", "", 9)


@pytest.mark.parametrize("more", ["", '2026-03-01 10:00:00,1001,"+44\n20",61\n'])
def test_a_header_that_the_map_uses_feeds_no_other_column(tmp_path: Path, more: str) -> None:
    row = rows(read(tmp_path, SWITCH + more, columns=SWITCH_COLUMNS))[0]
    assert (row["callee"], row["destination"]) == ("+442071838750", "")


@pytest.mark.parametrize("more", ["", '2026-03-01 10:00:00,1001,"+44\n20",61\n'])
def test_one_header_may_be_asked_for_twice(tmp_path: Path, more: str) -> None:
    columns = SWITCH_COLUMNS | {"destination": "destination", "operator": "source"}
    row = rows(read(tmp_path, SWITCH + more, columns=columns))[0]
    assert (row["callee"], row["destination"]) == ("+442071838750", "+442071838750")
    assert (row["caller"], row["operator"]) == ("1001", "1001")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("base = 'cisco'", "there is no format 'cisco'; there are "),
        ("bass = 'generic'", "the key 'bass' is not known; there are base, name, header"),
        ("header = 'yes'", "header is 'yes', it must be true or false"),
        ("delimiter = ';;'", "delimiter is ';;', it must be one character"),
        ("date_order = 'ymd'", "date_order is 'ymd', it must be dmy or mdy"),
        ("times = 'unix'", "times is 'unix', it must be text or epoch_s or epoch_us"),
        ("time_zone = 'Berlin'", "time_zone is 'Berlin', it must be the name of a time zone"),
        ("time_zone = '../x'", "time_zone is '../x', it must be the name of a time zone"),
        ("columns = 3", "columns is 3, it must be a table"),
        ("[columns]\nstarted = 'x'", "there is no column 'started' to map to; there are id, "),
        ("[columns]\nstart = true", "column start is True, it must be the name of a column"),
        ("[fixed]\ncallstype = 'x'", "there is no column 'callstype' to map to"),
        ("= 3", "the column map is no TOML in UTF-8"),
        (b"\xff", "the column map is no TOML in UTF-8"),
    ],
)
def test_what_is_wrong_in_a_map_is_named(tmp_path: Path, text: str | bytes, sentence: str) -> None:
    map_file = written(tmp_path, text, "map.toml")
    with pytest.raises(UnusableFile) as caught:
        chosen_format(map_file, None, None)
    assert str(caught.value).startswith(f"{map_file}: {sentence}")


def test_a_map_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UnusableFile, match="the column map cannot be read: No such file or directory"):
        chosen_format(tmp_path / "map.toml", None, None)
