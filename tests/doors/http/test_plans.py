"""The planner over HTTP: asked by files of usage, answered, with names and without, taken away, dropped."""

from __future__ import annotations

import asyncio
import io
import zipfile
from collections.abc import Awaitable, Callable
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import httpx
import msgspec
import pytest

from talktime.client import AsyncManagement, ProblemError
from talktime.client.management.answers_plan import Plan as Answer
from talktime.client.management.answers_plan import PlanDocument as Result
from talktime.doors.http.management.answers_plan import PlanDocument
from talktime.insight.planner.document import PlanSettings
from talktime.insight.planner.plan_json import plan_json
from talktime.insight.planner.plan_task import PlanTask
from talktime.insight.what_if_run import NoAnswerError
from talktime.insight.what_ifs import WhatIfs
from tests.databases import database, sqlite_database
from tests.doors.http.houses import Door, open_door
from tests.doors.made_files import FRANCE, leg, usage
from tests.insight.planner.made_plan import ANA, LEFT, PLAN

__all__ = ["database", "sqlite_database"]  # fixtures

FILES: Final = "/v1/tenants/contoso/usage-files"
PLANS: Final = "/v1/tenants/contoso/plans"
JANUARY: Final = usage(leg("1", "2026-01-02T12:00:00Z", 1800, UPN=ANA))
FEBRUARY: Final = usage(leg("2", "2026-02-03T12:00:00Z", 3660, FRANCE, UPN=ANA))

Story = Callable[[Door], Awaitable[None]]
Question = tuple[str, dict[str, Any]]


def told(database: str, folder: Path, story: Story, run: Callable[[PlanTask], bytes]) -> None:
    """Runs a story on a door that takes files, whose planner is `run`."""

    async def opened() -> None:
        async with open_door(database, exports_into=folder / "exports") as door:
            planner_of(door).run_plan = run
            await story(door)

    asyncio.run(opened())


def planner_of(door: Door) -> WhatIfs:
    what_ifs = door.app.state.house.means.what_ifs
    assert isinstance(what_ifs, WhatIfs)
    return what_ifs


def made(task: PlanTask) -> bytes:
    """The plan that was written by hand, with the settings that were asked for."""
    assert all(path.is_file() for path in task.paths)
    return msgspec.json.encode(msgspec.structs.replace(PLAN, settings=task.settings))


def no_answer(task: PlanTask) -> bytes:
    raise NoAnswerError(f"{' and '.join(task.names)}: nothing was paid")


async def brought(door: Door, name: str = "jan.csv", content: str = JANUARY) -> str:
    answer = await door.client.post(FILES, params={"name": name}, content=content.encode())
    assert answer.status_code == 201, answer.text
    key: str = answer.json()["id"]
    return key


async def asked(door: Door, **more: Any) -> httpx.Response:
    body = {"files": [await brought(door)], **more}
    return await door.client.post(PLANS, json=body)


async def done(door: Door) -> str:
    """The id of a plan that has been worked out."""
    key: str = (await asked(door)).json()["id"]
    await planner_of(door).wait()
    return key


def client_of(door: Door) -> AsyncManagement:
    key = door.client.headers["Authorization"].removeprefix("Bearer ")
    return AsyncManagement("http://talktime.test", key, transport=httpx.ASGITransport(door.app))


def test_client_asks_by_several_files_waits_reads_and_drops(database: str, tmp_path: Path) -> None:
    tasks: list[PlanTask] = []

    def run(task: PlanTask) -> bytes:
        tasks.append(task)
        return made(task)

    async def story(door: Door) -> None:
        files = [await brought(door), await brought(door, "feb.csv", FEBRUARY)]
        async with client_of(door) as management:
            planner = management.tenant("contoso").planner
            wanted = await planner.ask(
                files,
                confidence_percent="99.9",
                lead_hours=48,
                payments_a_month=2,
                months_ahead=6,
                prices={"MCOPSTN1": Decimal("9.50")},
                currency="USD",
            )
            found = await planner.wait(wanted.id, every_s=0.01)
            assert (found.state, found.error, found.percent) == ("done", "", 100)
            (task,) = tasks
            assert task.settings == PlanSettings(
                confidence=999, lead_hours=48, payments_a_month=2, months_ahead=6
            )
            assert (task.names, task.currency) == (("jan.csv", "feb.csv"), "USD")
            assert task.prices == {"MCOPSTN1": 9_500_000}
            assert [one.name for one in found.files] == ["jan.csv", "feb.csv"]
            assert found.prices == {"MCOPSTN1": Decimal("9.5")}
            figures(found)
            lines = [line async for line in planner.pages().items()]
            assert [(line.id, line.state) for line in lines] == [(wanted.id, "done")]
            what_ifs = management.tenant("contoso").what_if
            assert [line async for line in what_ifs.pages().items()] == []
            assert (await planner.workbook(wanted.id))[:2] == b"PK"
            assert (await planner.changes(wanted.id)).startswith("UPN,")
            await planner.drop(wanted.id)
            with pytest.raises(ProblemError, match="there is no plan"):
                await planner.get(wanted.id)

    told(database, tmp_path, story, run)


def figures(found: Answer) -> None:
    """What the answer says is what the document says."""
    result = found.result
    assert result is not None
    assert result.paid.amount == Decimal("0.1")
    assert sum(line.amount for line in result.paid.by["user"]) == result.paid.amount
    assert result.buy is not None
    assert (result.buy.choices[0].below, result.buy.choices[0].add) == (Decimal(35), Decimal(75))
    assert result.outlook is not None
    assert (result.outlook.growth_percent, result.outlook.lasts_low_days) == (Decimal("3.05"), 25)
    assert result.mix is not None
    assert result.mix.groups[0].gap_percent == Decimal("0.51")
    assert result.settings.confidence_percent == Decimal("99.9")
    assert result.from_ is not None
    assert (result.from_.year, result.from_.month) == (2026, 2)
    assert found.names
    assert any("auto-recharge" in sentence for sentence in found.conclusions)


def test_who_may_see_no_names_reads_none_in_answer_and_files(sqlite_database: str, tmp_path: Path) -> None:
    async def story(door: Door) -> None:
        key = await done(door)
        for role, sees in (("teams_administrator", True), ("billing_administrator", False)):
            async with door.holder(role) as client:
                answer = await client.get(f"{PLANS}/{key}")
                changes = await client.get(f"{PLANS}/{key}/changes")
                workbook = await client.get(f"{PLANS}/{key}/workbook")
            with zipfile.ZipFile(io.BytesIO(workbook.content)) as book:
                sheets = "".join(book.read(name).decode("utf-8", "replace") for name in book.namelist())
            assert answer.json()["names"] is sees
            for told_ in (answer.text, changes.text, sheets):
                assert (ANA in told_) is sees, role
                assert sees or (ANA not in told_.lower() and LEFT not in told_.lower())
            assert answer.json()["result"]["paid"]["amount"] == "0.1"

    told(sqlite_database, tmp_path, story, made)


@pytest.mark.parametrize(
    ("changes", "status", "pointer", "sentence"),
    [
        ({"files": []}, 400, "/files", "at least 1"),
        ({"files": ["0" * 32]}, 404, "", "there is no file of usage"),
        ({"files": ["x"]}, 400, "/files/0", ""),
        ({"confidence_percent": "96"}, 400, "/confidence_percent", "'80', '90', '95', '99'"),
        ({"confidence_percent": 95}, 400, "/confidence_percent", ""),
        ({"lead_hours": 0}, 400, "/lead_hours", "greater than or equal to 1"),
        ({"lead_hours": 24.5}, 400, "/lead_hours", "valid integer"),
        ({"payments_a_month": 32}, 400, "/payments_a_month", "less than or equal to 31"),
        ({"months_ahead": 25}, 400, "/months_ahead", "less than or equal to 24"),
        ({"prices": {"MCOPSTN1": "ten"}}, 400, "/prices/MCOPSTN1", "decimal string"),
        ({"prices": {"MCOPSTM1": "1"}}, 422, "/prices/MCOPSTM1", "did you mean 'MCOPSTN1'?"),
        ({"prices": {"MCOPSTN1": "-1"}}, 422, "/prices/MCOPSTN1", "must be 0 or more"),
        ({"currency": "usd"}, 400, "/currency", ""),
        ({"certain": True}, 400, "/certain", ""),
    ],
)
def test_faults_have_a_place_and_a_sentence(
    door_of_faults: Callable[[dict[str, Any]], httpx.Response],
    changes: dict[str, Any],
    status: int,
    pointer: str,
    sentence: str,
) -> None:
    answer = door_of_faults(changes)
    problem = answer.json()
    assert (answer.status_code, problem.get("pointer", "")) == (status, pointer), problem
    assert sentence in problem["detail"]
    assert "\n" not in problem["detail"]


@pytest.fixture(scope="module")
def door_of_faults(
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[[dict[str, Any]], httpx.Response]:
    """Asks one door, opened anew for each question on one database, with something wrong in it."""
    from tests.databases import fresh_sqlite

    folder = tmp_path_factory.mktemp("faults")
    place, first = fresh_sqlite(folder), [True]
    keys: list[str] = []

    def ask(changes: dict[str, Any]) -> httpx.Response:
        found: list[httpx.Response] = []

        async def opened() -> None:
            async with open_door(place, funded=first[0], exports_into=folder / "exports") as door:
                first[0] = False
                if not keys:
                    keys.append(await brought(door))
                found.append(await door.client.post(PLANS, json={"files": keys, **changes}))

        asyncio.run(opened())
        return found[0]

    return ask


def test_file_named_twice_and_plan_that_is_not_there_yet(sqlite_database: str, tmp_path: Path) -> None:
    async def story(door: Door) -> None:
        file = await brought(door)
        twice = await door.client.post(PLANS, json={"files": [file, file]})
        assert (twice.status_code, twice.json()["pointer"]) == (422, "/files")
        failed = (await door.client.post(PLANS, json={"files": [file]})).json()
        assert (failed["state"], failed["result"], failed["conclusions"]) == ("waiting", None, [])
        await planner_of(door).wait()
        found = (await door.client.get(f"{PLANS}/{failed['id']}")).json()
        assert (found["state"], found["error"]) == ("failed", "jan.csv: nothing was paid")
        for what in ("workbook", "changes"):
            answer = await door.client.get(f"{PLANS}/{failed['id']}/{what}")
            assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
            assert "nothing was paid" in answer.json()["detail"]
        gone = await door.client.get(f"{PLANS}/{'0' * 32}/workbook")
        assert (gone.status_code, gone.json()["code"]) == (404, "unknown_plan")
        asked_what_if = await door.client.get(f"/v1/tenants/contoso/what-if/{failed['id']}")
        assert asked_what_if.status_code == 404

    told(sqlite_database, tmp_path, story, no_answer)


def test_choices_are_plans_with_sample_prices(sqlite_database: str, tmp_path: Path) -> None:
    async def story(door: Door) -> None:
        async with client_of(door) as management:
            found = await management.tenant("contoso").planner.choices()
        assert (found.currency, found.sample) == ("USD", True)
        assert [f"{one:f}" for one in found.confidences] == ["80", "90", "95", "99", "99.9"]
        first = found.prices[0]
        assert (first.code, first.holders) == ("MCOPSTN1", 1)
        assert first.price is not None
        assert first.price > 0
        assert "MCOPSTNC" not in {one.code for one in found.prices}  # it is free

    told(sqlite_database, tmp_path, story, made)


def test_too_many_questions_of_both_kinds_wait_together(sqlite_database: str, tmp_path: Path) -> None:
    async def story(door: Door) -> None:
        file = await brought(door)
        async with planner_of(door).answering.turn:  # nothing begins meanwhile
            what_if: Question = ("/v1/tenants/contoso/what-if", {"file": file, "scenarios": [{"name": "a"}]})
            plan: Question = (PLANS, {"files": [file]})
            for address, body in (plan, what_if, plan, what_if, plan):
                answer = await door.client.post(address, json=body)
                assert answer.status_code == 202, (address, answer.text)
            refused = await door.client.post(PLANS, json={"files": [file]})
            assert (refused.status_code, refused.json()["code"]) == (409, "conflict")
        await planner_of(door).wait()

    told(sqlite_database, tmp_path, story, made)


def test_erasing_somebody_forgets_the_plans_that_may_name_them(database: str, tmp_path: Path) -> None:
    async def story(door: Door) -> None:
        key = await done(door)
        assert ANA in (await door.client.get(f"{PLANS}/{key}")).text
        erased = await door.client.post(f"/v1/tenants/contoso/users/{ANA}/erase", json={"confirm": True})
        assert erased.status_code == 200, erased.text
        assert (await door.client.get(f"{PLANS}/{key}")).status_code == 404
        assert (await door.client.get(PLANS)).json()["plans"] == []

    told(database, tmp_path, story, made)


def test_every_field_of_the_document_has_its_place() -> None:
    """In the answer and, read from it, in the client: nothing is left out on the way."""
    told_ = plan_json(PLAN)
    shown = PlanDocument.model_validate(told_, extra="forbid").model_dump(mode="json", by_alias=True)
    assert shown == told_
    read = msgspec.json.decode(msgspec.json.encode(shown), type=Result)
    assert _fields(read) == _fields(shown)


def _fields(value: Any) -> Any:
    """The names in a value, all the way down; None for what has none."""
    if isinstance(value, msgspec.Struct):
        fields = msgspec.structs.fields(value)
        return {field.encode_name: _fields(getattr(value, field.name)) for field in fields}
    if isinstance(value, dict):
        return {name: _fields(one) for name, one in value.items()}
    return [_fields(one) for one in value] if isinstance(value, list | tuple) else None
