"""Files as they come: encodings, containers, workbooks, and what is no deck."""

import gzip
import io
import os
import zipfile
from pathlib import Path

import pytest
import xlsxwriter
from hypothesis import given
from hypothesis import strategies as st

from talktime.files import open as opening
from talktime.files.decks import source
from talktime.files.decks.read import read_deck
from talktime.files.decks.source import read_text
from talktime.files.usage import UnusableFile

TEXT = "prefix,price_per_minute,name\n44,0.5,Zürich\n45,0.6,Århus\n"
BYTES = TEXT.encode()


def zipped(*members: tuple[str, bytes]) -> bytes:
    """An archive with these members."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return file.getvalue()


def workbook(*rows: tuple[object, ...]) -> bytes:
    """A workbook whose first sheet has these rows."""
    file = io.BytesIO()
    with xlsxwriter.Workbook(file) as book:
        sheet = book.add_worksheet()
        for number, row in enumerate(rows):
            sheet.write_row(number, 0, row)
    return file.getvalue()


SHEET = workbook(
    ("# currency = EUR",),
    (),
    ("prefix", "price_per_minute", "name"),
    (44, 0.5, "Zürich"),
    ("45", "0.6", "Århus\nC"),
    (277_724_000_000, 0.011, ""),
)

CONTAINERS = {
    "plain": BYTES,
    "byte order mark": b"\xef\xbb\xbf" + BYTES,
    "CRLF": BYTES.replace(b"\n", b"\r\n"),
    "CR": BYTES.replace(b"\n", b"\r"),
    "UTF-16": TEXT.encode("utf-16"),
    "UTF-16 big end": b"\xfe\xff" + TEXT.encode("utf-16-be"),
    "UTF-16 without a mark": TEXT.encode("utf-16-le"),
    "UTF-16 big end without a mark": TEXT.encode("utf-16-be"),
    "Windows": TEXT.encode("cp1252"),
    "gzip": gzip.compress(BYTES),
    "zip": zipped(("deck.csv", BYTES), ("__MACOSX/._deck.csv", b"\0"), (".hidden", b"x")),
    "zip in gzip": gzip.compress(zipped(("deck.csv", BYTES))),
}


@pytest.mark.parametrize("container", CONTAINERS)
def test_encodings_and_containers(container: str, tmp_path: Path) -> None:
    path = tmp_path / "some name"
    path.write_bytes(CONTAINERS[container])
    deck = read_deck(path).deck
    assert deck is not None
    assert [(row.prefix, row.name, row.price_nanos, row.line) for row in deck.rows] == [
        ("44", "Zürich", 500_000_000, 2),
        ("45", "Århus", 600_000_000, 3),
    ]


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_a_workbook(pack: type[bytes], tmp_path: Path) -> None:
    path = tmp_path / "list.xlsx"
    path.write_bytes(pack(SHEET))
    deck = read_deck(path).deck
    assert deck is not None
    assert (deck.name, deck.currency) == ("list", "EUR")
    assert [(row.prefix, row.name, row.price_nanos, row.line) for row in deck.rows] == [
        ("44", "Zürich", 500_000_000, 4),
        ("45", "Århus C", 600_000_000, 5),
        ("277724000000", "", 11_000_000, 6),
    ]


@pytest.mark.parametrize(
    ("file_name", "name"),
    [
        ("spring.csv", "spring"),
        ("spring.2026.csv.gz", "spring.2026"),
        ("SPRING.CSV", "SPRING"),
        ("deck", "deck"),
    ],
)
def test_a_deck_without_a_name_has_the_files(file_name: str, name: str, tmp_path: Path) -> None:
    (tmp_path / file_name).write_bytes(BYTES)
    deck = read_deck(tmp_path / file_name).deck
    assert deck is not None
    assert deck.name == name


NO_DECK: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "is empty; give a rate deck"),
    "blanks": (b" \r\n\t\n", "is empty; give a rate deck"),
    "picture": (b"\x89PNG\r\n\x1a\n" + bytes(100), "this is a picture (PNG), not a rate deck"),
    "PDF": (b"%PDF-1.7\nprefix,price_per_minute\n", "this is a PDF document, not a rate deck"),
    "Parquet": (b"PAR1" + bytes(50), "this is a Parquet file, not a rate deck"),
    "zeros": (bytes(1000), "holds no text"),
    "control characters": (bytes(range(1, 32)) * 40, "holds no text"),
    "cut gzip": (gzip.compress(BYTES)[:-10], "the file is cut off in the middle; fetch it again"),
    "false gzip": (b"\x1f\x8b" + bytes(50), "the file is damaged ("),
    "cut zip": (
        zipped(("deck.csv", BYTES))[:60],
        "the file is damaged (File is not a zip file); fetch it again",
    ),
    "two decks": (
        zipped(("a.csv", BYTES), ("b.csv", BYTES)),
        "holds more than one file; give an archive with one deck",
    ),
    "gzip thrice": (
        gzip.compress(gzip.compress(gzip.compress(BYTES))),
        "it is compressed twice; unpack it first",
    ),
    "cut workbook": (
        SHEET[: len(SHEET) // 2],
        "the file is damaged (File is not a zip file); fetch it again",
    ),
    "false workbook": (zipped(("xl/workbook.xml", b"<nothing/>")), "the workbook is damaged ("),
    "picture in zip": (zipped(("a.png", b"\x89PNG\r\n\x1a\n")), "this is a picture (PNG), not a rate deck"),
    "picture and deck": (zipped(("a.png", b"\x89PNG"), ("b.csv", BYTES)), "holds more than one file; give"),
    "nothing in zip": (
        zipped(("parameters.json", b"{}")),
        "the archive holds no rate deck; give a rate deck",
    ),
    "zip in zip": (
        zipped(("a.zip", zipped(("deck.csv", BYTES)))),
        "an archive in an archive; unpack it first",
    ),
    "letter": (
        zipped(("word/document.xml", b"<x/>")),
        "an office document, not a rate deck; save it as .xlsx",
    ),
    "program": (b"\x7fELF" + bytes(50), "this is a program, not a rate deck"),
    "empty workbook": (workbook(), "is empty"),
}


@pytest.mark.parametrize("case", NO_DECK)
def test_what_holds_no_deck_is_said_in_one_sentence(case: str, tmp_path: Path) -> None:
    data, reason = NO_DECK[case]
    path = tmp_path / "deck.csv"
    path.write_bytes(data)
    with pytest.raises(UnusableFile) as caught:
        read_deck(path)
    assert str(caught.value).startswith((f"{path}: ", f"{path}/"))
    assert reason in str(caught.value)


def test_no_file_a_folder_and_no_permission(tmp_path: Path) -> None:
    with pytest.raises(UnusableFile, match="there is no such file; check the name"):
        read_text(tmp_path / "absent.csv")
    with pytest.raises(UnusableFile, match="it is a folder; name the file"):
        read_text(tmp_path)
    path = tmp_path / "deck.csv"
    path.write_bytes(BYTES)
    path.chmod(0)
    if os.access(path, os.R_OK):
        pytest.skip("this user may read every file")
    with pytest.raises(UnusableFile, match="no permission to read it"):
        read_text(path)


def test_a_missing_right_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def closed(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    (tmp_path / "deck.csv").write_bytes(BYTES)
    monkeypatch.setattr(Path, "open", closed)
    with pytest.raises(UnusableFile, match="no permission to read it; change its rights"):
        read_text(tmp_path / "deck.csv")


@pytest.mark.parametrize(
    "pack",
    [bytes, gzip.compress, lambda data: zipped(("deck.csv", data))],
    ids=["plain", "gzip", "zip"],
)
def test_nothing_is_expanded_beyond_the_limit(
    pack: type[bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, "MAX_BYTES", 1000)
    path = tmp_path / "deck.csv"
    path.write_bytes(pack(b" " * 1000))
    with pytest.raises(UnusableFile, match="is empty"):
        read_text(path)
    path.write_bytes(pack(b" " * 1001))
    with pytest.raises(UnusableFile, match="has more than 1,000 bytes; split the deck"):
        read_text(path)


def test_a_workbook_beyond_the_limit_and_a_bomb_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "list.xlsx"
    path.write_bytes(SHEET)
    monkeypatch.setattr(source, "MAX_BYTES", len(SHEET))  # unpacked it is larger
    with pytest.raises(UnusableFile, match=r"it has more than [0-9,]+ bytes; split the deck"):
        read_text(path)
    monkeypatch.setattr(opening, "FREE_EXPANSION_BYTES", 2**12)
    path.write_bytes(zipped(("xl/workbook.xml", bytes(2**22))))
    with pytest.raises(UnusableFile, match="grows to more than 200 times its size when unpacked"):
        read_text(path)


@given(
    st.one_of(
        st.binary(max_size=300),
        st.tuples(st.sampled_from(sorted(CONTAINERS)), st.integers(0, 400), st.binary(max_size=8)).map(
            lambda cut: CONTAINERS[cut[0]][: cut[1]] + cut[2] + CONTAINERS[cut[0]][cut[1] + len(cut[2]) :]
        ),
        st.text(st.sampled_from("prefix,\t;\n#=\"'+-.0123456789E \0pce_rmiut"), max_size=200).map(
            lambda text: f"prefix,price_per_minute\n{text}".encode()
        ),
    )
)
def test_any_bytes_give_a_result_or_a_sentence(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_bytes(data)
    try:
        found = read_deck(path)
    except UnusableFile as sentence:
        assert str(path) in str(sentence)  # noqa: PT017 - either outcome is right
    else:
        kept = len(found.deck.rows) if found.deck else 0
        assert found.deck is None or kept + found.rows_rejected == found.rows_total
