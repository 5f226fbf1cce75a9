"""The folder of `talktime demo`: a tenant, its month of usage in the formats that users have.

Everything in it can be given to the other commands as it is.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from talktime.catalog.load import load_catalogue
from talktime.demo.generate import generate
from talktime.demo.tenant import OWN_MONTH, write_demo_tenant
from talktime.demo.write import write_calling_plans_csv, write_calling_plans_zip, write_graph_json

CALLS: Final = 3_000


class DemoFolderError(Exception):
    """A folder that the demo cannot be written to. The message is one sentence."""


@dataclass(frozen=True, slots=True)
class DemoFiles:
    """Where the files of the demo are; all three usage files hold the same calls."""

    folder: Path
    tenant: Path
    usage_csv: Path
    usage_zip: Path
    usage_graph: Path


def write_demo(folder: Path, *, seed: int = 1, calls: int = CALLS, month: str = OWN_MONTH) -> DemoFiles:
    """Writes the demo tenant and a month of its usage into a folder, which is made if it is not there.

    The same arguments write the same bytes. Raises MonthError, ValueError for a number of calls below 1,
    and DemoFolderError.
    """
    try:
        return _write(folder, seed, calls, month)
    except OSError as error:
        why = error.strerror or str(error)
        raise DemoFolderError(f"{folder}: the demo cannot be written there: {why}; name a folder") from error


def _write(folder: Path, seed: int, calls: int, month: str) -> DemoFiles:
    catalogue = load_catalogue()
    folder.mkdir(parents=True, exist_ok=True)
    tenant_path, csv_path = folder / "tenant.toml", folder / "usage.csv"
    graph_path = folder / "usage-graph.json"
    tenant = write_demo_tenant(tenant_path, catalogue, month=month)
    rows = list(generate(tenant, catalogue, calls=calls, seed=seed, month=month))
    write_calling_plans_csv(rows, csv_path)
    write_graph_json(rows, graph_path)
    return DemoFiles(
        folder=folder,
        tenant=tenant_path,
        usage_csv=csv_path,
        usage_zip=write_calling_plans_zip(rows, folder),
        usage_graph=graph_path,
    )
