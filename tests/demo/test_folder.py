"""The demo's folder: three files of the same calls and the tenant whose calls they are."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

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


def test_a_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "demo").write_text("a file")
    with pytest.raises(DemoFolderError, match="the demo cannot be written there: File exists; name a folder"):
        write_demo(tmp_path / "demo")
