"""A provider's book of tenants: a folder of files or JSON lines, taken as a whole or refused by place."""

import gc
import gzip
import json
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from talktime.accounts.tenant import Tenant
from talktime.accounts.tenant_book import TenantBookError, read_tenants
from talktime.accounts.tenant_file import TenantFileError, read_tenant
from talktime.catalog.load import load_catalogue
from tests.accounts.tenant_texts import CONTOSO, TENANT

Tables = dict[str, Any]


def tables(id_: str, **more: Any) -> Tables:
    """A tenant as an object of JSON."""
    return {"tenant": {"id": id_, "country": "US", "currency": "USD"}, **more}


def lines_of(*entries: Tables) -> bytes:
    return "".join(f"{json.dumps(entry)}\n" for entry in entries).encode()


def read(path: Path) -> tuple[Tenant, ...]:
    return read_tenants(path, load_catalogue())


def book(folder: Path, data: bytes, name: str = "book.jsonl") -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def fault(path: Path) -> str:
    """What is said of a book, without its path."""
    with pytest.raises(TenantFileError) as caught:
        read(path)
    return str(caught.value).removeprefix(f"{path}: ")


def ids(tenants: Sequence[Tenant]) -> list[str]:
    return [tenant.id for tenant in tenants]


# --- what a book gives -----------------------------------------------------------------------------------


def test_a_tenant_file_is_a_book_of_one(tmp_path: Path) -> None:
    path = book(tmp_path, CONTOSO.encode(), "contoso.toml")
    assert read(path) == (read_tenant(path, load_catalogue()),)


def test_a_line_says_what_the_tenant_file_says(tmp_path: Path) -> None:
    as_toml = book(tmp_path, CONTOSO.encode(), "contoso.toml")
    as_json = json.dumps(tomllib.loads(CONTOSO), default=lambda instant: instant.isoformat())
    assert read(book(tmp_path, as_json.encode())) == read(as_toml)


def test_tenants_come_sorted_by_id(tmp_path: Path) -> None:
    assert ids(read(book(tmp_path, lines_of(*map(tables, "cab"))))) == ["a", "b", "c"]


def test_a_folder_gives_a_tenant_a_file_and_only_its_toml_files(tmp_path: Path) -> None:
    for name, id_ in {"1.toml": "b", "2.TOML": "a", ".hidden.toml": "x", "notes.txt": "y"}.items():
        book(tmp_path, TENANT.replace('"c"', f'"{id_}"').encode(), name)
    assert ids(read(tmp_path)) == ["a", "b"]


@pytest.mark.parametrize(
    ("written", "name"),
    [
        (lines_of(tables("a"), tables("b")), "book.json"),
        (gzip.compress(lines_of(tables("a"), tables("b"))), "book.json.gz"),
        (gzip.compress(lines_of(tables("a"), tables("b"))), "book.jsonl"),
        (b"\xef\xbb\xbf" + lines_of(tables("a"), tables("b")), "book.jsonl"),
        (b"\n \r\n" + lines_of(tables("a")) + b"\r\n" + lines_of(tables("b")).rstrip(), "book.toml"),
    ],
    ids=["plain", "packed", "packed under a plain name", "byte order mark", "blank lines and no last end"],
)
def test_lines_are_told_by_content(tmp_path: Path, written: bytes, name: str) -> None:
    assert ids(read(book(tmp_path, written, name))) == ["a", "b"]


def test_a_line_may_be_longer_than_what_is_read_at_a_time(tmp_path: Path) -> None:
    users = [{"upn": f"user{number}@a.example", "name": "n" * 500} for number in range(6_000)]
    tenants = read(book(tmp_path, lines_of(tables("a", users=users), tables("b"))))
    assert [len(tenant.users) for tenant in tenants] == [6_000, 0]


# --- what refuses it -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entry", "sentence"),
    [
        (
            tables("b", user=[]),
            'line 2, tenant "b": unknown key user; did you mean users?',
        ),
        (
            tables("b", users=[{"upn": "x", "licences": ["MCOPSTN1", "MCOPSTNX"]}]),
            'line 2, tenant "b": users[1] "x": licences[2]: unknown plan "MCOPSTNX"; did you mean MCOPSTNC?',
        ),
        (
            tables("b", purchases=[{"at": "2026-03-01", "amount": 50.5}]),
            'line 2, tenant "b": purchases[1] "2026-03-01": amount = 50.5 is a float; write "50.5" in quotes',
        ),
        (
            tables("b", users=[{"upn": "x"}, {"upn": "X"}, {"upn": "x"}]),
            'line 2, tenant "b": users[2] "X": upn "X" is already that of users[1] "x" '
            "(and 1 more in this tenant)",
        ),
        ({"tenant": 1}, "line 2: tenant must be one table: write [tenant]"),
        ({}, "line 2: the table [tenant] is missing; begin with [tenant] and its id, country and currency"),
        (tables("a"), 'line 2: tenant "a" stands in line 1 already; keep one'),
    ],
    ids=["unknown key", "unknown plan", "float", "two faults", "no table", "no tenant", "twice"],
)
def test_a_wrong_line_is_named(tmp_path: Path, entry: Tables, sentence: str) -> None:
    assert fault(book(tmp_path, lines_of(tables("a"), entry))) == sentence


@pytest.mark.parametrize(
    "line", [b'{"tenant": ', b"[1]", b"nothing", b'{"tenant": "\xff"}', b'{"a":' * 5_000]
)
def test_a_line_that_is_no_object_is_named(tmp_path: Path, line: bytes) -> None:
    said = fault(book(tmp_path, lines_of(tables("a")) + line + b"\n" + lines_of(tables("b"))))
    assert said.startswith("line 2: is not one JSON object (")
    assert "; write one tenant a line, as {" in said


def test_a_file_of_a_folder_is_named(tmp_path: Path) -> None:
    book(tmp_path, TENANT.encode(), "one.toml")
    book(tmp_path, TENANT.encode(), "two.toml")
    book(tmp_path, b"[tenant", "three.toml")
    said = fault(tmp_path).split("\n")
    assert said[0] == "2 tenants cannot be used:"
    assert said[1].startswith("  three.toml: is not TOML: ")
    assert said[2] == '  two.toml: tenant "c" stands in one.toml already; keep one'


@pytest.mark.parametrize(
    ("wrong", "named", "last"), [(5, 5, "line 6"), (6, 6, "and 1 more"), (1_007, 6, "and 1,002 more")]
)
def test_five_wrong_tenants_are_named_and_the_others_counted(
    tmp_path: Path, wrong: int, named: int, last: str
) -> None:
    path = book(tmp_path, lines_of(tables("a"), *[tables("a")] * wrong))
    head, *lines = fault(path).split("\n  ")
    assert head == f"{wrong:,} tenants cannot be used:"
    assert len(lines) == named
    assert lines[-1].startswith(last)


def test_garbage_is_collected_again_after_a_book_that_is_good_and_one_that_is_not(tmp_path: Path) -> None:
    read(book(tmp_path, lines_of(tables("a"))))
    assert gc.isenabled()
    fault(book(tmp_path, lines_of({})))
    assert gc.isenabled()


def test_an_error_keeps_every_fault(tmp_path: Path) -> None:
    path = book(tmp_path, lines_of(*[tables("a")] * 9))
    with pytest.raises(TenantBookError) as caught:
        read(path)
    assert len(caught.value.faults) == 8


@pytest.mark.parametrize(
    ("data", "name", "sentence"),
    [
        (b"", "book.jsonl", "the file is empty; give a tenant file, a folder of them, or JSON lines"),
        (b"PAR1" + bytes(50), "book.parquet", "this is a Parquet file, not a tenant file"),
        (b"\x89PNG" + bytes(50), "book.png", "this is a picture (PNG), not a tenant file"),
        (
            gzip.compress(CONTOSO.encode()),
            "contoso.toml.gz",
            "what is packed is no JSON lines; unpack it first",
        ),
        (gzip.compress(lines_of(tables("a")))[:40], "book.json.gz", "the file is cut off in the middle"),
        (CONTOSO.encode() + b"\n[users\n", "contoso.toml", "is not TOML: "),
    ],
    ids=["empty", "Parquet", "picture", "packed TOML", "cut off", "broken TOML"],
)
def test_what_is_no_book_is_refused(tmp_path: Path, data: bytes, name: str, sentence: str) -> None:
    assert fault(book(tmp_path, data, name)).startswith(sentence)


def test_a_name_without_a_file_and_a_folder_without_tenants(tmp_path: Path) -> None:
    assert fault(tmp_path / "book.jsonl") == "there is no such file; check the name"
    assert fault(tmp_path).startswith("there is no tenant in it; give a tenant file")
