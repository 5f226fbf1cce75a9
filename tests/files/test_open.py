"""Containers are opened by content; bombs and broken ones are refused in a sentence."""

import copy
import gzip
import io
import os
import stat
import zipfile
from collections.abc import Mapping
from pathlib import Path

import polars as pl
import pytest
import xlsxwriter

from talktime.files import open as opening
from talktime.files.expected import USAGE as EXPECTED
from talktime.files.far_cells import far_cell
from talktime.files.open import Kind, Meter, kind_of, open_parts
from talktime.files.read_usage import read_usage
from talktime.files.usage import NotUsage, UnusableFile
from tests.files.usage_samples import CALL, CALLING_PLANS_25, call, read, rows, table, written

USAGE = table(CALLING_PLANS_25, CALL).encode()


def zipped(members: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """An archive with these members."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", method) as out:
        for name, data in members.items():
            out.writestr(name, data)
    return archive.getvalue()


def workbook(data: bytes = USAGE) -> bytes:
    """The table as an Excel workbook."""
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True}) as book:
        sheet = book.add_worksheet("calls")
        for row, line in enumerate(pl.read_csv(data, has_header=False, infer_schema=False).rows()):
            sheet.write_row(row, 0, line)
    return out.getvalue()


def parquet(data: bytes = USAGE) -> bytes:
    """The table as a Parquet file."""
    out = io.BytesIO()
    pl.read_csv(data, infer_schema=False).write_parquet(out)
    return out.getvalue()


CONTAINERS = {
    "plain": USAGE,
    "gzip": gzip.compress(USAGE),
    "gzip in two members": gzip.compress(USAGE[:100]) + gzip.compress(USAGE[100:]),
    "zip": zipped({"usage.csv": USAGE}),
    "zip, stored": zipped({"usage.csv": USAGE}, zipfile.ZIP_STORED),
    "zip, lzma": zipped({"usage.csv": USAGE}, zipfile.ZIP_LZMA),
    "zip in gzip": gzip.compress(zipped({"usage.csv": USAGE})),
    "workbook": workbook(),
    "workbook in gzip": gzip.compress(workbook()),
    "workbook in zip": zipped({"usage.xlsx": workbook()}),
    "parquet": parquet(),
    "parquet in gzip": gzip.compress(parquet()),
    "parquet in zip": zipped({"usage.parquet": parquet()}),
}


@pytest.mark.parametrize("name", ["usage.csv", "usage.gz", "usage.zip", "usage.xlsx", "usage", "usage.png"])
@pytest.mark.parametrize("container", CONTAINERS)
def test_containers_are_told_by_content(tmp_path: Path, container: str, name: str) -> None:
    (row,) = rows(read(tmp_path, CONTAINERS[container], name))
    assert row["id"] == "u1"
    assert row["source"].startswith(name)


def test_an_export_as_it_is_downloaded(tmp_path: Path) -> None:
    second = table(CALLING_PLANS_25, call(UsageId="u2")).encode()
    export = zipped(
        {
            "parameters.json": b'{"from": "2026-03-01"}',
            "__MACOSX/._PSTN.calls.csv": b"\0\0",
            "inner/": b"",
            "PSTN.calls.csv": USAGE,
            "inner/more.tsv": second,
        }
    )
    usage = read(tmp_path, export, "Export.callingplans.zip")
    assert [(row["id"], row["source"]) for row in rows(usage)] == [
        ("u1", "Export.callingplans.zip/PSTN.calls.csv"),
        ("u2", "Export.callingplans.zip/inner/more.tsv"),
    ]
    assert usage.warnings == ()


def test_members_that_are_no_usage_are_passed_over_with_a_word(tmp_path: Path) -> None:
    export = zipped(
        {"readme.pdf": b"%PDF-1.4", "notes.txt": b"hello\n", "usage.csv": USAGE, "empty.csv": b""}
    )
    usage = read(tmp_path, export, "export.zip")
    assert usage.calls.height == 1
    assert [warning.split(": ")[0] for warning in usage.warnings] == [
        "export.zip/readme.pdf",
        "export.zip/notes.txt",
        "export.zip/empty.csv",
    ]
    assert all(warning.endswith("; it was passed over") for warning in usage.warnings)


def locked() -> bytes:
    """An archive whose member says that it is encrypted."""
    data = bytearray(zipped({"usage.csv": USAGE}))
    for magic, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(magic) + offset] |= 1
    return bytes(data)


def damaged() -> bytes:
    """An archive with a wrong byte in the middle of its member."""
    data = bytearray(zipped({"usage.csv": USAGE}, zipfile.ZIP_STORED))
    data[len(data) // 2] ^= 1
    return bytes(data)


UNUSABLE = [
    (gzip.compress(USAGE)[:-20], "u: the file is cut off in the middle; fetch it again"),
    (gzip.compress(USAGE)[:-3], "u: the file is cut off in the middle; fetch it again"),
    (gzip.compress(b""), "u: the file is empty; export it again"),
    (gzip.compress(gzip.compress(USAGE)), "u: it is compressed twice; unpack it first"),
    (zipped({}), "u: the archive holds no usage file; export it again"),
    (zipped({"parameters.json": b"{}"}), "u: the archive holds no usage file; export it again"),
    (zipped({"in.zip": zipped({"u.csv": USAGE})}), "u/in.zip: an archive in an archive; unpack it first"),
    (zipped({"in.gz": gzip.compress(USAGE)}), "u/in.gz: an archive in an archive; unpack it first"),
    (zipped({"a.pdf": b"%PDF-1.4"}), "u/a.pdf: this is a PDF document, not a usage file"),
    (
        zipped({"word/document.xml": b"<x/>"}),
        "u: this is an office document, not a usage file; save it as .xlsx or .csv",
    ),
    (locked(), "u/usage.csv: it is locked by a password; unpack it first"),
    (damaged(), "u/usage.csv: the file is damaged (Bad CRC-32 for file 'usage.csv'); fetch it again"),
    (
        zipped({"usage.csv": USAGE})[:-30],
        "u: the file is damaged (File is not a zip file); fetch it again",
    ),
    (
        b"\xd0\xcf\x11\xe0" + bytes(600),
        "u: this is an old Office document (.xls, .doc); save it as .xlsx or .csv",
    ),
    (b"BZh91AY", "u: this is compressed by bzip2; unpack it first"),
]


@pytest.mark.parametrize(("content", "sentence"), UNUSABLE, ids=[str(at) for at in range(len(UNUSABLE))])
def test_what_cannot_be_opened_is_told_in_a_sentence(tmp_path: Path, content: bytes, sentence: str) -> None:
    with pytest.raises(UnusableFile) as caught:
        read(tmp_path, content, "u")
    assert str(caught.value) == sentence


def test_a_bomb_is_refused_while_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "FREE_EXPANSION_BYTES", 2**20)
    zeros = USAGE + bytes(4 * 2**20)
    for bomb in (gzip.compress(zeros), zipped({"a.csv": zeros}), gzip.compress(zipped({"a.csv": zeros}))):
        with pytest.raises(UnusableFile, match="grows to more than 200 times its size when unpacked"):
            read(tmp_path, bomb)


def test_many_members_make_one_bomb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "FREE_EXPANSION_BYTES", 2**20)
    lines = USAGE + b"\n" * (2**19)
    with pytest.raises(UnusableFile, match="grows to more than 200 times"):
        read(tmp_path, zipped({"a.csv": lines, "b.csv": lines, "c.csv": lines}))


def test_a_workbook_that_lies_about_its_size_is_a_bomb(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as out:
        out.writestr("xl/workbook.xml", "<x/>")
        out.writestr("xl/worksheets/sheet1.xml", bytes(4 * 2**20))
        honest = copy.copy(out.filelist[1])
        out.filelist[1].file_size = 10
        out.filelist[1].CRC = honest.CRC
    monkeypatch.setattr(opening, "FREE_EXPANSION_BYTES", 2**20)
    with pytest.raises(UnusableFile, match="grows to more than 200 times"):
        read(tmp_path, bomb.getvalue(), "bomb.xlsx")


@pytest.mark.parametrize("cell", ["XFD1", "A1050000", "CA7", "a99999999", "ABCD12"])
@pytest.mark.parametrize("equals", ["=", " = ", "= "])
def test_a_cell_far_from_all_others_is_refused(tmp_path: Path, cell: str, equals: str) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as book:
        book.writestr("xl/workbook.xml", "<x/>")
        padding = " " * (2**20 - 40)  # the reference lies across two blocks
        book.writestr(
            "sheet.xml", f"<sheetData><row>{padding}<c r{equals}'{cell}'><v>1</v></c></row></sheetData>"
        )
    with pytest.raises(UnusableFile, match=f"it has a cell {cell} far from all others"):
        read(tmp_path, out.getvalue())


def test_the_last_cells_that_are_taken() -> None:
    assert far_cell([b'<c r="BZ1048576"/><c r="A1"/><row r="9999999">']) == ""


def test_too_many_members_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "MAX_MEMBERS", 3)
    with pytest.raises(UnusableFile, match="it holds more than 3 files; unpack it first"):
        read(tmp_path, zipped({f"{at}.csv": USAGE for at in range(4)}))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UnusableFile) as caught:
        read_usage([tmp_path / "usage.csv"])
    assert str(caught.value) == "usage.csv: there is no such file; check the name"


def test_a_folder_as_a_file(tmp_path: Path) -> None:
    with pytest.raises(UnusableFile, match="it is a folder; name the files in it"):
        list(open_parts(tmp_path, "here", Meter(0, None), EXPECTED))


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UnusableFile, match="it is no file but a pipe or device; save it as a file first"):
        read_usage([tmp_path / "pipe"])


def test_no_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path, USAGE)
    path.chmod(0)
    if os.access(path, os.R_OK):  # root reads everything: the system's answer is played

        def refuse(*_: object) -> None:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(UnusableFile) as caught:
        read_usage([path])
    path.chmod(stat.S_IRUSR | stat.S_IWUSR)
    assert str(caught.value) == "usage.csv: no permission to read it; change its rights"


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"a,b", Kind.TEXT),
        (b'{"value": []}', Kind.TEXT),
        (b"PAR1", Kind.PARQUET),
        (b"\x1f\x8b\x08", Kind.GZIP),
        (b"PK\x03\x04", Kind.ZIP),
    ],
)
def test_kinds(head: bytes, kind: Kind) -> None:
    assert kind_of(head, "x", EXPECTED) is kind


@pytest.mark.parametrize(
    "head", [b"\xff\xd8\xff\xe0", b"GIF89a", b"\n <HTML>", b"<?xml version='1.0'?>", b"MZ\x90"]
)
def test_other_kinds_are_refused(head: bytes) -> None:
    with pytest.raises(NotUsage, match=r"^x: this is .*, not a usage file$"):
        kind_of(head, "x", EXPECTED)
