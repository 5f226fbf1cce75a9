"""Files of usage and questions about them on a real ledger: kept, answered in a process, over, forgotten."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec
import pytest

from talktime.core.money import format_money
from talktime.doors.cli.rate import charge_request
from talktime.doors.cli.rate_request import RateRequest
from talktime.insight.exports import ExportSettings
from talktime.insight.own_process import OwnProcess
from talktime.insight.planner.document import Plan, PlanSettings
from talktime.insight.planner.plan_task import PlanTask
from talktime.insight.scenario import Rule, Scenario, Swap
from talktime.insight.usage_files import MOST_FILES, UsageFiles
from talktime.insight.what_if_figures import Compared
from talktime.insight.what_if_papers import (
    ANSWER_KEPT_US,
    DONE,
    FAILED,
    FILE_KEPT_US,
    PLAN,
    UsageFile,
    WhatIf,
    shown_name,
    what_if_of,
)
from talktime.insight.what_if_run import NoAnswerError, WhatIfTask, percent_to
from talktime.insight.what_ifs import Answered, WhatIfs
from talktime.ledger.commands import Refused
from talktime.ledger.records import Paper
from tests.databases import database, sqlite_database
from tests.doors.http.houses import Door, Threaded, open_door
from tests.doors.made_files import FRANCE, leg, usage

__all__ = ["database", "sqlite_database"]  # fixtures

USAGE: Final = usage(
    leg("1", "2026-02-02T12:00:00Z", 1800, UPN="ana@contoso.example"),
    leg("2", "2026-02-03T12:00:00Z", 3660, FRANCE, UPN="ana@contoso.example"),
)

Story = Callable[[WhatIfs, Door], Awaitable[None]]


async def blocks(content: str | bytes) -> AsyncIterator[bytes]:
    """A body as it comes: in two parts."""
    whole = content.encode() if isinstance(content, str) else content
    yield whole[:100]
    yield whole[100:]


def told(database: str, folder: Path, story: Story, *, own: bool = False) -> None:
    """Runs a story; `own`: questions are answered in a process of their own, as they are outside of tests."""

    async def run() -> None:
        async with open_door(database, exports_into=folder / "exports") as door:
            engine, house = door.desk.engine, door.app.state.house
            settings = ExportSettings(house.url, None, folder / "what-if", b"secret")
            files = UsageFiles(engine, house.reader, settings, looking=Threaded())
            what_ifs = WhatIfs(files, answering=OwnProcess() if own else Threaded())
            try:
                await story(what_ifs, door)
            finally:
                await what_ifs.close()

    asyncio.run(run())


async def brought(what_ifs: WhatIfs, content: str | bytes = USAGE, name: str = "feb.csv") -> UsageFile:
    kept = await what_ifs.files.take("contoso", name, blocks(content), "ana")
    assert isinstance(kept, UsageFile), kept
    return kept


async def answered(what_ifs: WhatIfs, file: UsageFile, *scenarios: Scenario) -> Answered:
    asked = await what_ifs.ask("contoso", file, scenarios, "", "ana")
    assert not isinstance(asked, Refused), asked
    await what_ifs.wait()
    found = await asyncio.to_thread(what_ifs.one, "contoso", asked.id)
    assert found is not None
    return found


def left(folder: Path) -> list[str]:
    return [path.name for path in (folder / "what-if").iterdir()]


def test_answer_of_a_process_is_what_rate_says(database: str, tmp_path: Path) -> None:
    """The tenant of the ledger against a tenant file that says the same, by the shipped sample deck."""
    larger = "MCOPSTN2"
    lines = ['[tenant]\nid = "contoso"\ncountry = "US"\ncurrency = "USD"\n']
    lines += [f'[[licences]]\nplan = "{larger}"\npurchased = 2\n']
    lines += [f'[[users]]\nupn = "ana@contoso.example"\nlicences = ["MCOPSTNC", "{larger}"]\n']
    (tmp_path / "tenant.toml").write_text("".join(lines))
    (tmp_path / "feb.csv").write_text(USAGE)

    async def story(what_ifs: WhatIfs, door: Door) -> None:
        del door
        file = await brought(what_ifs)
        assert (file.seen.rows, file.seen.formats, file.seen.currencies) == (
            2,
            ("calling_plans_25",),
            ("USD",),
        )
        found = await answered(what_ifs, file, Scenario(name="larger", plans=(Swap("MCOPSTN1", larger),)))
        assert (found.asked.state, found.asked.error, found.percent) == (DONE, "", 100)
        one = msgspec.json.decode(found.answer, type=Compared).figures[1]
        request = RateRequest([str(tmp_path / "feb.csv")], tenant=tmp_path / "tenant.toml", balance="50")
        expected = charge_request(request).totals
        assert one.amount == expected.amount
        assert one.closing_balance == expected.closing_balance
        assert one.pool_s == expected.pool_s
        assert left(tmp_path) == [file.id]

    told(database, tmp_path, story, own=True)


def test_nothing_of_the_ledger_changes(sqlite_database: str, tmp_path: Path) -> None:
    async def story(what_ifs: WhatIfs, door: Door) -> None:
        async def books() -> list[object]:
            parts = ("balance", "entries", "lots")
            return [(await door.client.get(f"/v1/tenants/contoso/{part}")).json() for part in parts]

        before = await books()
        await answered(what_ifs, await brought(what_ifs), Scenario(name="s", balance=1))
        assert await books() == before
        changes = (await door.client.get("/v1/tenants/contoso/audit")).json()["audit"]
        assert [one["what"] for one in changes[:2]] == [
            "what if asked on feb.csv",
            "file of usage feb.csv brought for what if, 2 rows",
        ]

    told(sqlite_database, tmp_path, story)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "feb.csv: "),
        (b"\x89PNG\r\n\x1a\n0000", "feb.csv: "),
        ("prefix,price_per_minute\n44,0.02\n", "feb.csv: "),
        ("{" * 5_000, "feb.csv: "),
        (USAGE.splitlines()[0] + "\r\n", "no row can be used"),
        (b"PK\x03\x04" + b"\x00" * 60, "feb.csv: "),
    ],
    ids=["empty", "picture", "deck", "braces", "only a header", "broken archive"],
)
def test_what_is_no_usage_is_said_in_a_sentence(
    sqlite_database: str, tmp_path: Path, content: str | bytes, sentence: str
) -> None:
    async def story(what_ifs: WhatIfs, door: Door) -> None:
        del door
        found = await what_ifs.files.take("contoso", "feb.csv", blocks(content), "ana")
        assert isinstance(found, Refused)
        assert found.code == "unusable_usage"
        assert sentence in found.detail
        assert "\n" not in found.detail
        assert str(tmp_path) not in found.detail
        assert left(tmp_path) == []

    told(sqlite_database, tmp_path, story)


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\usage\\feb.csv", "feb.csv"),
        ("/", "usage"),
        ("..", ".."),
        ("", "usage"),
        ("a\x00b\x1b[31m.csv", "a\ufffdb\ufffd[31m.csv"),
        ("x" * 900, "x" * 200),
        ("<script>alert(1)<x>.csv", "<script>alert(1)<x>.csv"),
    ],
)
def test_name_is_shown_and_never_a_path(sqlite_database: str, tmp_path: Path, given: str, shown: str) -> None:
    assert shown_name(given) == shown

    async def story(what_ifs: WhatIfs, door: Door) -> None:
        del door
        file = await brought(what_ifs, name=given)
        assert (file.name, left(tmp_path)) == (shown, [file.id])
        place = tmp_path / "what-if" / file.id
        assert place.stat().st_mode & 0o777 == 0o600
        assert place.parent.stat().st_mode & 0o777 == 0o700

    told(sqlite_database, tmp_path, story)


def test_half_a_file_is_none(sqlite_database: str, tmp_path: Path) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield USAGE.encode()[:50]
        raise ConnectionError("gone")

    async def story(what_ifs: WhatIfs, door: Door) -> None:
        del door
        with pytest.raises(ConnectionError):
            await what_ifs.files.take("contoso", "feb.csv", broken(), "ana")
        assert left(tmp_path) == []

    told(sqlite_database, tmp_path, story)


def test_files_go_after_a_day_and_answers_after_a_month(sqlite_database: str, tmp_path: Path) -> None:
    async def story(what_ifs: WhatIfs, door: Door) -> None:
        file = await brought(what_ifs)
        found = await answered(what_ifs, file, Scenario(name="s"))
        door.clock.now_us += FILE_KEPT_US
        assert await what_ifs.sweep() == 1
        assert left(tmp_path) == []
        assert what_ifs.files.one("contoso", file.id) is None
        again = await what_ifs.ask("contoso", file, (Scenario(name="s"),), "", "ana")
        assert isinstance(again, Refused)
        still = what_ifs.one("contoso", found.asked.id)
        assert still is not None
        assert still.answer
        door.clock.now_us += ANSWER_KEPT_US
        assert await what_ifs.sweep() == 2
        assert what_ifs.one("contoso", found.asked.id) is None

    told(sqlite_database, tmp_path, story)


def test_too_many_files_are_refused_and_all_are_forgotten(sqlite_database: str, tmp_path: Path) -> None:
    async def story(what_ifs: WhatIfs, door: Door) -> None:
        del door
        for number in range(MOST_FILES):
            file = await brought(what_ifs, name=f"{number}.csv")
        refused = await what_ifs.files.take("contoso", "one-more.csv", blocks(USAGE), "ana")
        assert isinstance(refused, Refused)
        assert refused.code == "too_many"
        await answered(what_ifs, file, Scenario(name="s"))
        assert await what_ifs.forget("contoso") == MOST_FILES + 1
        assert left(tmp_path) == []
        assert what_ifs.listed("contoso") == []

    told(sqlite_database, tmp_path, story)


def test_folder_that_takes_no_files_is_said(sqlite_database: str, tmp_path: Path) -> None:
    async def story(what_ifs: WhatIfs, door: Door) -> None:
        (tmp_path / "what-if").write_text("a file in the place of the folder")
        for refused in (
            await what_ifs.files.take("contoso", "feb.csv", blocks(USAGE), "ana"),
            await what_ifs.files.take_own("contoso", 0, door.clock() + 1, "ana"),
        ):
            assert isinstance(refused, Refused), refused
            assert (refused.code, "ask the operator" in refused.detail) == ("no_room", True)

    told(sqlite_database, tmp_path, story)


def test_progress_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    told_of = percent_to(tmp_path / "gone" / "progress")
    told_of(50, 1)


def no_answer(task: WhatIfTask) -> bytes:
    raise NoAnswerError(f"{task.name} has no answer")


def killed(task: WhatIfTask) -> bytes:
    os.kill(os.getpid(), signal.SIGKILL)
    return task.name.encode()


@pytest.mark.parametrize(
    ("run", "own", "error"),
    [
        (no_answer, False, "feb.csv has no answer"),
        (killed, True, "the process that worked it out ended before it was done; ask again"),
    ],
)
def test_what_went_wrong_is_said(
    sqlite_database: str, tmp_path: Path, run: Callable[[WhatIfTask], bytes], own: bool, error: str
) -> None:
    async def story(what_ifs: WhatIfs, door: Door) -> None:
        del door
        file = await brought(what_ifs)
        what_ifs.run = run
        found = await answered(what_ifs, file, Scenario(name="s"))
        assert (found.asked.state, found.asked.error, found.answer) == (FAILED, error, "")

    told(sqlite_database, tmp_path, story, own=own)


def test_usage_of_the_ledger_is_a_file_like_any_other(sqlite_database: str, tmp_path: Path) -> None:
    async def story(what_ifs: WhatIfs, door: Door) -> None:
        now_us = door.clock()
        nothing = await what_ifs.files.take_own("contoso", 0, now_us + 1, "ana")
        assert isinstance(nothing, Refused)
        assert nothing.code == "no_usage"
        await door.call("c1")
        door.clock.now_us += 90_000_000
        body = {"duration_seconds": 90}
        ended = await door.client.post("/v1/tenants/contoso/calls/c1/end", json=body)
        assert ended.status_code == 200, ended.text
        file = await what_ifs.files.take_own("contoso", 0, door.clock() + 1, "ana")
        assert isinstance(file, UsageFile), file
        assert (file.seen.rows, left(tmp_path)) == (1, [file.id])
        this = f"{datetime.fromtimestamp(door.clock() // 1_000_000, UTC):%Y-%m}"
        assert file.name == f"usage of this ledger, 1970-01 to {this}"
        found = await answered(what_ifs, file, Scenario(name="no pool", plans=(Swap("MCOPSTN1", ""),)))
        today = msgspec.json.decode(found.answer, type=Compared).figures[0]
        spend = (await door.client.get("/v1/tenants/contoso/spend")).json()
        assert format_money(today.amount) == spend["total"]["amount"] != "0"

    told(sqlite_database, tmp_path, story)


# --- questions to the planner ------------------------------------------------------------------------------


def planned(task: PlanTask) -> bytes:
    """What it was asked, in the place of an answer: figures are of tests/insight/planner."""
    sizes = [path.stat().st_size for path in task.paths]
    return msgspec.json.encode(
        [task.names, sizes, task.settings.confidence, dict(task.prices), task.currency]
    )


async def planned_of(what_ifs: WhatIfs, *files: UsageFile) -> Answered:
    settings = PlanSettings(confidence=990)
    asked = await what_ifs.ask_plan("contoso", files, settings, {"MCOPSTN1": 12}, "USD", "ana")
    assert isinstance(asked, WhatIf), asked
    await what_ifs.wait()
    found = await asyncio.to_thread(what_ifs.one, "contoso", asked.id, PLAN)
    assert found is not None
    return found


def test_plan_of_several_files_waits_in_the_same_queue_and_goes_with_the_rest(
    sqlite_database: str, tmp_path: Path
) -> None:
    async def story(what_ifs: WhatIfs, door: Door) -> None:
        what_ifs.run_plan = planned
        files = [await brought(what_ifs), await brought(what_ifs, name="mar.csv")]
        found = await planned_of(what_ifs, *files)
        size = len(USAGE)
        assert msgspec.json.decode(found.answer) == [
            ["feb.csv", "mar.csv"],
            [size, size],
            990,
            {"MCOPSTN1": 12},
            "USD",
        ]
        assert (found.asked.state, found.asked.name) == (DONE, "feb.csv and 1 more")
        assert what_ifs.one("contoso", found.asked.id) is None  # it is no scenario
        assert what_ifs.listed("contoso") == []
        assert [one.id for one in what_ifs.listed("contoso", kind=PLAN)] == [found.asked.id]
        (change, *_) = (await door.client.get("/v1/tenants/contoso/audit")).json()["audit"]
        assert change["what"] == "plan asked on feb.csv and 1 more"

        again = await planned_of(what_ifs, files[0])
        await what_ifs.drop("contoso", again.asked.id)
        assert what_ifs.one("contoso", again.asked.id, PLAN) is None
        door.clock.now_us += ANSWER_KEPT_US
        assert await what_ifs.sweep() == 4  # two files, a question and its answer
        assert what_ifs.listed("contoso", kind=PLAN) == []

    told(sqlite_database, tmp_path, story)


def test_all_plans_are_forgotten_with_the_files(sqlite_database: str, tmp_path: Path) -> None:
    async def story(what_ifs: WhatIfs, door: Door) -> None:
        del door
        what_ifs.run_plan = planned
        file = await brought(what_ifs)
        await planned_of(what_ifs, file)
        await answered(what_ifs, file, Scenario(name="s"))
        assert await what_ifs.forget("contoso") == 3
        assert what_ifs.listed("contoso", kind=PLAN) == []
        assert left(tmp_path) == []

    told(sqlite_database, tmp_path, story)


def test_question_that_was_kept_before_there_was_a_planner_is_read() -> None:
    kept = (
        '{"id":"0","file":"1","name":"feb.csv","currency":"","scenarios":[{"name":"s"}],"who":"ana",'
        '"asked_us":7,"state":"done","done_us":9,"error":""}'
    )
    asked = what_if_of(Paper("what_if", "0", 7, kept))
    assert (asked.plan, asked.kind, asked.scenarios) == (None, "what_if", (Scenario(name="s"),))


def test_plan_of_the_planner_itself(sqlite_database: str, tmp_path: Path) -> None:
    """The real planner in its own process, on a file of two calls: it says how little that is."""

    async def story(what_ifs: WhatIfs, door: Door) -> None:
        del door
        found = await planned_of(what_ifs, await brought(what_ifs))
        assert (found.asked.state, found.asked.error) == (DONE, "")
        plan = msgspec.json.decode(found.answer, type=Plan)
        assert (plan.tenant, plan.rows, plan.months) == ("Contoso Ltd", 2, ("2026-02",))
        assert sum(line.amount for line in plan.paid.by["user"]) == plan.paid.amount
        assert plan.said

    told(sqlite_database, tmp_path, story, own=True)


def test_a_question_of_before_reads_as_it_was_asked() -> None:
    """Scenarios are kept: what a paper of an older version does not name is as the tenant has it."""
    asked = (
        '{"id":"q","file":"f","name":"n","currency":"","who":"w","asked_us":1,"state":"done","done_us":2,"error":"",'
        '"scenarios":[{"name":"a","plans":[{"plan":"","becomes":"MCOPSTN1"}],"balance":5,"deck":"",'
        '"recharge":{"enabled":true,"below":1,"add":2},"agreement":"","treat_as":""}]}'
    )
    found = what_if_of(Paper("what_if", "q", 1, asked))
    wanted = Scenario(name="a", plans=(Swap("", "MCOPSTN1"),), recharge=Rule(True, 1, 2), balance=5)
    assert (found.scenarios, found.plan, found.state) == ((wanted,), None, "done")
