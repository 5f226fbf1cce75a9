"""The folder of `talktime demo`: a tenant, its month of usage in the formats that users have.

Everything in it can be given to the other commands as it is. The demo that is served has more months, up to
an instant, and somebody who looks after the tenant.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from talktime.accounts.calendar import month_name, month_of
from talktime.accounts.tenant import Tenant
from talktime.catalog.load import load_catalogue
from talktime.catalog.model import Catalogue
from talktime.core.limits import US_PER_S
from talktime.demo.days import MonthError, month_number
from talktime.demo.generate import generate
from talktime.demo.row import UsageRow
from talktime.demo.tenant import OWN_MONTH, caretakers_text, write_demo_tenant
from talktime.demo.write import write_calling_plans_csv, write_calling_plans_zip, write_graph_json

CALLS: Final = 3_000


class DemoFolderError(Exception):
    """A folder that the demo cannot be written to. The message is one sentence."""


@dataclass(frozen=True, slots=True)
class Story:
    """What the demo tells: so many calls a month, drawn from a seed, from a month such as "2026-03" on.

    `until_us`: of that month and the ones after it what is over at this instant; None: that whole month.
    """

    month: str
    calls: int
    seed: int
    until_us: int | None

    def months(self, time_zone: str) -> tuple[str, ...]:
        """The months that have calls. Raises MonthError."""
        first = month_number(self.month)
        if self.until_us is None:
            return (self.month,)
        last = month_of(self.until_us, time_zone)
        if last < first:
            raise MonthError(f"{self.month} has not begun; name a month that has, or add --no-serve")
        return tuple(month_name(month) for month in range(first, last + 1))


@dataclass(frozen=True, slots=True)
class DemoFiles:
    """Where the files of the demo are; all three usage files hold the same calls."""

    folder: Path
    tenant: Path
    usage_csv: Path
    usage_zip: Path
    usage_graph: Path


def write_demo(
    folder: Path,
    *,
    seed: int = 1,
    calls: int = CALLS,
    month: str = OWN_MONTH,
    until_us: int | None = None,
) -> DemoFiles:
    """Writes the demo tenant and its usage into a folder, which is made if it is not there.

    `calls` a month, from `month` on; `until_us` as in `Story`. The same arguments write the same bytes.
    Raises MonthError, ValueError for a number of calls below 1, and DemoFolderError.
    """
    try:
        return _write(folder, Story(month, calls, seed, until_us))
    except OSError as error:
        why = error.strerror or str(error)
        raise DemoFolderError(f"{folder}: the demo cannot be written there: {why}; name a folder") from error


def _write(folder: Path, story: Story) -> DemoFiles:
    catalogue = load_catalogue()
    folder.mkdir(parents=True, exist_ok=True)
    tenant_path, csv_path = folder / "tenant.toml", folder / "usage.csv"
    graph_path = folder / "usage-graph.json"
    more = "" if story.until_us is None else caretakers_text()
    tenant = write_demo_tenant(tenant_path, catalogue, month=story.month, more=more)
    rows = list(_rows(tenant, catalogue, story))
    write_calling_plans_csv(rows, csv_path)
    write_graph_json(rows, graph_path)
    return DemoFiles(
        folder=folder,
        tenant=tenant_path,
        usage_csv=csv_path,
        usage_zip=write_calling_plans_zip(rows, folder),
        usage_graph=graph_path,
    )


def _rows(tenant: Tenant, catalogue: Catalogue, story: Story) -> Iterator[UsageRow]:
    """Each month is drawn by itself: its calls stay what they are when later another month follows."""
    for month in story.months(tenant.time_zone):
        rows = generate(tenant, catalogue, calls=story.calls, seed=story.seed, month=month)
        yield from (row for row in rows if story.until_us is None or _over_us(row) <= story.until_us)


def _over_us(row: UsageRow) -> int:
    """When a call was over: of the odd rows whose end disagrees with their duration the later one."""
    return max(row.end_us, row.start_us + row.duration_s * US_PER_S)
