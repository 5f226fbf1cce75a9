"""The demo's folder: three files of the same calls and the tenant whose calls they are."""

import csv
import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from talktime.accounts.calendar import to_us
from talktime.accounts.tenant_file import read_tenant
from talktime.catalog.load import load_catalogue
from talktime.demo.days import MonthError
from talktime.demo.folder import DemoFolderError, write_demo


def test_all_files_hold_the_same_calls(tmp_path: Path) -> None:
    files = write_demo(tmp_path / "new" / "demo", calls=300)
    with files.usage_csv.open(newline="") as file:
        ids = [line["UsageId"] for line in csv.DictReader(file)]
    pages = json.loads(files.usage_graph.read_bytes())
    assert len(set(ids)) == 300
    assert [row["id"] for page in pages for row in page["value"]] == ids
    assert {path.name for path in files.folder.iterdir()} == {
        files.tenant.name,
        files.usage_csv.name,
        files.usage_graph.name,
        files.usage_zip.name,
    }


def test_the_same_seed_writes_the_same_bytes(tmp_path: Path) -> None:
    folders = [write_demo(tmp_path / name, seed=7, calls=200, month="2028-02").folder for name in "ab"]
    first, second = ({path.name: path.read_bytes() for path in folder.iterdir()} for folder in folders)
    assert first == second
    assert len(first) == 4


def test_no_order_of_sets_shows_in_the_bytes(tmp_path: Path) -> None:
    program = (
        "import sys, pathlib, talktime.demo.folder as f; f.write_demo(pathlib.Path(sys.argv[1]), calls=200)"
    )
    for order in "12":
        environment = os.environ | {"PYTHONHASHSEED": order, "PYTHONPATH": os.pathsep.join(sys.path)}
        subprocess.run([sys.executable, "-c", program, tmp_path / order], env=environment, check=True)
    assert (tmp_path / "1/usage.csv").read_bytes() == (tmp_path / "2/usage.csv").read_bytes()


def test_another_seed_writes_other_calls(tmp_path: Path) -> None:
    one, two = (write_demo(tmp_path / str(seed), seed=seed, calls=50) for seed in (1, 2))
    assert one.usage_csv.read_bytes() != two.usage_csv.read_bytes()
    assert one.tenant.read_bytes() == two.tenant.read_bytes()


def ids(folder: Path) -> list[str]:
    """The rows of a folder, by their ids."""
    with (folder / "usage.csv").open(newline="") as file:
        return [line["UsageId"] for line in csv.DictReader(file)]


def test_months_are_told_until_an_instant_and_stay_what_they_were(tmp_path: Path) -> None:
    at_us = [to_us(datetime(2026, month, day, tzinfo=UTC)) for month, day in ((4, 9), (4, 20), (6, 2))]
    told = [
        ids(write_demo(tmp_path / str(number), calls=90, month="2026-03", until_us=until_us).folder)
        for number, until_us in enumerate(at_us)
    ]
    whole = ids(write_demo(tmp_path / "whole", calls=90, month="2026-03").folder)
    assert len(set(whole)) == 90
    assert set(whole) <= set(told[0]) < set(told[1]) < set(told[2])
    assert len(set(told[2])) > 270


def test_what_is_told_until_an_instant_is_over_by_then(tmp_path: Path) -> None:
    until_us = to_us(datetime(2026, 4, 9, 11, 30, tzinfo=UTC))
    files = write_demo(tmp_path, calls=300, month="2026-03", until_us=until_us)
    with files.usage_csv.open(newline="") as file:
        ends = [line["End Time"] for line in csv.DictReader(file)]
    assert "2026-04-09T" < max(ends) <= "2026-04-09T11:30"
    tenant = read_tenant(files.tenant, load_catalogue())
    assert [person.upn for person in tenant.administrators] == ["admin@contoso.example"]
    assert tenant.alerts.low_micros


def test_a_month_that_has_not_begun_cannot_be_told(tmp_path: Path) -> None:
    until_us = to_us(datetime(2026, 4, 9, tzinfo=UTC))
    with pytest.raises(MonthError, match="2026-05 has not begun"):
        write_demo(tmp_path, month="2026-05", until_us=until_us)


def test_a_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "demo").write_text("a file")
    with pytest.raises(DemoFolderError, match="the demo cannot be written there: File exists; name a folder"):
        write_demo(tmp_path / "demo")
