"""Files that are none, or hold nothing: one sentence, exit code 1, nothing written."""

import gzip
import io
import zipfile
from collections.abc import Mapping

import pytest

from talktime.files import open as opening
from tests.doors.made_files import deck, leg, usage
from tests.doors.terminal import Terminal
from tests.files.usage_samples import CALL, CALLING_PLANS_25, table

GOOD = usage(leg("a"))
MICROSOFT = (
    "Destination Name,Destination Type,Country,Prefix,Price / min\r\nAlbania,landline,AL,355,0.241\r\n"
)


def archive(members: Mapping[str, bytes]) -> bytes:
    """A zip archive."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in members.items():
            made.writestr(name, content)
    return file.getvalue()


FILES: dict[str, tuple[bytes, str]] = {
    "empty.csv": (b"", "the file is empty"),
    "blank.csv": (b"\n \n\n", "the file is empty"),
    "mark.csv": (b"\xef\xbb\xbf", "the file is empty"),
    "picture.csv": (b"\x89PNG\r\n\x1a\n" + bytes(64), "this is a picture (PNG), not a usage file"),
    "photo.csv": (b"\xff\xd8\xff\xe0" + bytes(64), "this is a picture (JPEG), not a usage file"),
    "paper.csv": (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "this is a PDF document, not a usage file"),
    "old.xls": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(64), "old Office document"),
    "page.csv": (b"<!DOCTYPE html><html><body>sign in</body></html>", "this is a web page"),
    "letter.docx": (archive({"word/document.xml": b"<x/>"}), "an office document, not a usage file"),
    "program": (b"\x7fELF" + bytes(64), "this is a program"),
    "deck.csv": (deck().partition("\n")[2].encode(), "is a rate deck, not usage: give it with --rates"),
    "prices.csv": (MICROSOFT.encode(), "is a rate deck, not usage: give it with --rates"),
    "words.csv": (b"hello world\n", "has no header of a usage file"),
    "headless.csv": (GOOD.partition("\n")[2].encode(), "has no header of a usage file"),
    "nothing.csv": (GOOD.partition("\n")[0].encode(), "the usage holds no calls"),
    "noughts.csv": (bytes(200), "is no text and no table"),
    "object.json": (b"{}", "has no header of a usage file"),
    "list.json": (b"[]", "the file holds no rows"),
    "page.json": (b'{"@odata.count": 0, "value": []}', "the file holds no rows"),
    "cut.json": (b'{"value": [{"id": "a", "callId"', "cut off in the middle"),
    "cut.csv.gz": (gzip.compress(GOOD.encode() * 50)[:-40], "the file is cut off in the middle"),
    "wrong.csv.gz": (b"\x1f\x8b\x08\x00" + b"\xff" * 60, "the file is damaged"),
    "twice.csv.gz": (gzip.compress(gzip.compress(GOOD.encode())), "it is compressed twice"),
    "nothing.csv.gz": (gzip.compress(b""), "the file is empty"),
    "wrong.zip": (b"PK\x03\x04" + b"\xff" * 60, "the file is damaged"),
    "no-member.zip": (archive({}), "the archive holds no usage file"),
    "parameters.zip": (archive({"parameters.json": b"{}"}), "the archive holds no usage file"),
    "nested.zip": (archive({"in.zip": archive({"a.csv": GOOD.encode()})}), "an archive in an archive"),
    "pictures.zip": (archive({"a.png": b"\x89PNG\r\n\x1a\n"}), "this is a picture (PNG)"),
    "wrong.parquet": (b"PAR1" + bytes(60) + b"PAR1", "the Parquet file is damaged"),
    "wrong.xlsx": (archive({"xl/workbook.xml": b"<workbook>"}), "wrong.xlsx: the workbook"),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_no_usage(terminal: Terminal, name: str) -> None:
    content, words = FILES[name]
    terminal.write(name, content)
    before = terminal.files()
    said = terminal.run("rate", name, "--out", "report.csv").sentence(1)
    assert words in said
    assert said.startswith((f"{name}:", f"{name}/", "the usage"))
    assert "/" not in said.removeprefix(f"{name}/").partition(":")[0]  # no path of the machine
    assert terminal.files() == before


@pytest.mark.parametrize(
    ("left_out", "named"),
    [
        (("Caller ID",), "'Caller ID'"),
        (("Destination Number",), "'Destination Number'"),
        (("Start Time",), "'Start Time'"),
        (("Duration Seconds", "End Time"), "'Duration Seconds' or 'End Time'"),
    ],
)
def test_a_column_that_is_missing_is_named(terminal: Terminal, left_out: tuple[str, ...], named: str) -> None:
    terminal.write("usage.csv", table([name for name in CALLING_PLANS_25 if name not in left_out], CALL))
    said = terminal.run("rate", "usage.csv").sentence(1)
    assert said.startswith("usage.csv: the file looks like Calling Plans export")
    assert f"has no column {named}:" in said


NAMES = {
    "gone.csv": "gone.csv: there is no such file; check the name",
    "gone/*.csv": "gone/*.csv: no file has such a name; check the pattern",
    "empty": "empty: the folder holds no files; name the usage files or their folder",
    "/dev/null": "null: it is no file but a pipe or device; save it as a file first",
    "a\0b": "'a\\x00b': this is no name of a file; check the name",
}


@pytest.mark.parametrize("name", NAMES)
def test_a_name_without_a_file(terminal: Terminal, name: str) -> None:
    (terminal.folder / "empty").mkdir()
    assert terminal.run("rate", name, "--json").sentence(1) == NAMES[name]
    assert not terminal.state.exists()


def test_one_bad_file_among_good_ones_refuses_all(terminal: Terminal) -> None:
    """A month without one of its files would be a wrong month."""
    terminal.write("good.csv", GOOD)
    terminal.write("bad.csv", "")
    before = terminal.files()
    assert terminal.run("rate", "good.csv", "bad.csv", "--json").sentence(1).startswith("bad.csv:")
    assert terminal.files() == before


# --- what grows beyond measure ---------------------------------------------------------------------------

LINES = GOOD.encode() + b"x" * 2**22
BOMBS = {
    "bomb.csv.gz": gzip.compress(LINES),
    "bomb.zip": archive({"usage.csv": LINES}),
    "two.zip": archive({"one.csv": LINES[: 2**20], "two.csv": LINES[: 2**20]}),
    "bomb.xlsx": archive({"xl/workbook.xml": b"<workbook/>", "xl/worksheets/sheet1.xml": LINES}),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_while_it_grows(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(opening, "FREE_EXPANSION_BYTES", 2**20)
    terminal.write(name, BOMBS[name])
    said = terminal.run("rate", name, "--json").sentence(1)
    assert "grows to more than 200 times its size when unpacked" in said


# --- names and texts that would do harm ------------------------------------------------------------------


def test_a_name_cannot_command_the_terminal(terminal: Terminal) -> None:
    name = "\x1b[2J\x9b31m\u202ered.csv"
    terminal.write(name, "")
    assert (
        terminal.run("rate", name)
        .sentence(1)
        .startswith("\ufffd[2J\ufffd31m\ufffdred.csv: the file is empty")
    )


def test_texts_of_a_file_cannot_command_the_terminal(terminal: Terminal) -> None:
    evil = "\x1b]0;owned\x07\x1b[31mx"
    bad = leg("b", Duration_Seconds=evil)
    rows = (leg("a", UPN=evil, User_Display_Name=evil, Destination_Number="+999\x1b[5m"), bad)
    terminal.write("usage.csv", usage(*rows))
    screens = [terminal.run("rate", "usage.csv", "--balance", "0"), terminal.run("explain", "a")]
    for answer in screens:
        assert answer.code == 0
        assert not {"\x1b", "\x07"} & set(answer.out + answer.err)


def test_a_name_that_is_no_text_is_read_all_the_same(terminal: Terminal) -> None:
    terminal.write("b\udcffd.csv", GOOD)
    assert terminal.run("rate", "b\udcffd.csv", "--json").json["calls"] == 1
    terminal.write("b\udcffd.csv", "")
    assert terminal.run("rate", "b\udcffd.csv").sentence(1).startswith("b\ufffdd.csv: the file is empty")
