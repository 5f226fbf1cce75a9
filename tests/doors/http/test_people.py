"""Users over HTTP: one with its ETag, its licences and where it is, many from a file, one forgotten."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from talktime.ledger.database import open_url
from talktime.ledger.reading import NO_BEFORE, Reader
from talktime.ledger.verify import verify
from tests.databases import database, sqlite_database
from tests.doors.http.houses import Door, open_door

__all__ = ["database", "sqlite_database"]  # fixtures

CONTOSO = "/v1/tenants/contoso"
USERS = f"{CONTOSO}/users"
ANA = f"{USERS}/ana@contoso.example"

Story = Callable[[Door], Awaitable[None]]


def told(story: Story, url: str) -> None:
    async def run() -> None:
        async with open_door(url) as door:
            await story(door)

    asyncio.run(run())


async def got(answer: Awaitable[httpx.Response], status: int = 200) -> Any:
    response = await answer
    assert response.status_code == status, response.text
    return response.json() if response.content else None


async def upns(door: Door) -> list[str]:
    return [user["upn"] for user in (await got(door.client.get(USERS)))["users"]]


# --- many users -------------------------------------------------------------------------------------------


def test_users_are_searched_page_by_page(database: str) -> None:
    async def story(door: Door) -> None:
        for at in range(5):
            user = {"upn": f"u{at}@contoso.example", "name": f"Zoë {at}", "location": "GB" if at else "US"}
            await got(door.client.put(f"{USERS}/u{at}@contoso.example", json=user))
        for search, expected in (
            ("zoë", 5),
            ("ZOË 3", 1),
            ("mcopstnc", 1),
            ("gb", 4),
            ("sales", 1),
            ("?", 0),
        ):
            found = await got(door.client.get(USERS, params={"search": search}))
            assert len(found["users"]) == expected, search
        query: dict[str, str | int] = {"search": "zoë", "limit": 3}
        first = await got(door.client.get(USERS, params=query))
        rest = await got(door.client.get(USERS, params={**query, "after": first["next"]}))
        upns = [user["upn"] for user in first["users"] + rest["users"]]
        assert (upns, rest["next"]) == ([f"u{at}@contoso.example" for at in range(5)], None)

    told(story, database)


def test_second_of_two_editors_of_caps_is_told(sqlite_database: str) -> None:
    async def story(door: Door) -> None:
        seen = (await door.client.get(f"{CONTOSO}/caps")).headers["ETag"]
        caps = {"caps": [{"scope": "tenant", "amount": "20"}]}
        put = door.client.put(f"{CONTOSO}/caps", json=caps, headers={"If-Match": seen})
        await got(put)
        late = door.client.put(f"{CONTOSO}/caps", json={"caps": []}, headers={"If-Match": seen})
        assert (await got(late, 412))["code"] == "changed_meanwhile"
        assert (await door.client.get(f"{CONTOSO}/caps")).headers["ETag"] != seen

    told(story, sqlite_database)


# --- one user ---------------------------------------------------------------------------------------------


def test_one_user_by_any_of_its_names(sqlite_database: str) -> None:
    async def story(door: Door) -> None:
        bob = {"upn": "bob@contoso.example", "id": "4711", "licences": ["MCOPSTNC"]}
        await got(door.client.put(f"{USERS}/4711", json=bob))
        for name in ("4711", "BOB@contoso.example"):
            assert await got(door.client.get(f"{USERS}/{name}")) == {**bob, "location": "US"}
        assert (await got(door.client.get(f"{USERS}/eve"), 404))["code"] == "unknown_user"

    told(story, sqlite_database)


def test_second_of_two_editors_is_told(database: str) -> None:
    async def story(door: Door) -> None:
        first = await door.client.get(ANA)
        seen = {"If-Match": first.headers["ETag"]}
        edits = [
            door.client.put(ANA, json={**first.json(), "name": name}, headers=seen)
            for name in ("Ana", "Anna")
        ]
        answers = await asyncio.gather(*edits)
        assert sorted(answer.status_code for answer in answers) == [200, 412]
        late = next(answer for answer in answers if answer.status_code == 412)
        assert late.json()["code"] == "changed_meanwhile"
        (won,) = [answer.json()["name"] for answer in answers if answer.status_code == 200]
        assert (await got(door.client.get(ANA)))["name"] == won
        assert (await got(door.client.delete(ANA, headers=seen), 412))["code"] == "changed_meanwhile"
        again = {"If-Match": (await door.client.get(ANA)).headers["ETag"]}
        await got(door.client.put(ANA, json=first.json(), headers=again))

    told(story, database)


@pytest.mark.parametrize(
    ("if_match", "there", "absent"),
    [
        (None, 200, 200),
        ("*", 200, 412),
        ('"0123456789abcdef01234567"', 412, 412),
        ('"x", {tag}', 200, 412),
        ("W/{tag}", 412, 412),
        ("", 412, 412),
    ],
)
def test_conditions(sqlite_database: str, if_match: str | None, there: int, absent: int) -> None:
    """Who names no condition may always write; `*` is for what is there; weak tags fit nothing."""

    async def story(door: Door) -> None:
        tag = (await door.client.get(ANA)).headers["ETag"]
        headers = {} if if_match is None else {"If-Match": if_match.replace("{tag}", tag)}
        ana = {"upn": "ana@contoso.example", "cost_centre": "Sales", "name": "A"}
        await got(door.client.put(ANA, json=ana, headers=headers), there)
        eve = {"upn": "eve@contoso.example"}
        await got(door.client.put(f"{USERS}/eve@contoso.example", json=eve, headers=headers), absent)
        assert len(await upns(door)) == (2 if absent == 200 else 1)

    told(story, sqlite_database)


def test_licences_and_location_are_set_by_those_who_may(sqlite_database: str) -> None:
    async def story(door: Door) -> None:
        async with door.holder("license_administrator") as client:
            tag = (await client.get(ANA)).headers["ETag"]
            put = {"licences": ["MCOPSTNC", {"plan": "MCOPSTN1", "until": "2027-01-01T00:00:00Z"}]}
            assigned = await client.put(f"{ANA}/licences", json=put, headers={"If-Match": tag})
            assert assigned.status_code == 200, assigned.text
            assert assigned.json()["licences"] == put["licences"]
            assert assigned.json()["cost_centre"] == "Sales", "all else stays"
            assert assigned.headers["ETag"] == (await client.get(ANA)).headers["ETag"] != tag
            await got(client.put(f"{ANA}/licences", json=put, headers={"If-Match": tag}), 412)
            assert (await got(client.put(f"{ANA}/location", json={"location": "CA"})))["location"] == "CA"
            assert (await got(client.put(f"{USERS}/eve/location", json={"location": "US"}), 404))["code"] == (
                "unknown_user"
            )
            problem = await got(client.put(ANA, json={"upn": "ana@contoso.example"}), 403)
            assert "edit users" in problem["detail"]
        line = (await got(door.client.get(f"{CONTOSO}/audit")))["audit"][0]
        assert line["what"] == "location of user ana@contoso.example put"
        assert '"US"' in line["before"]
        assert '"CA"' in line["after"]

    told(story, sqlite_database)


@pytest.mark.parametrize(
    ("path", "body", "words"),
    [
        ("licences", {"licences": ["MCOPSTN1", "MCOPSTN2"]}, "two calling plans"),
        ("licences", {"licences": ["NOSUCH"]}, "NOSUCH"),
        ("location", {"location": "Atlantis"}, "Atlantis"),
    ],
)
def test_what_a_user_cannot_have_is_refused(
    sqlite_database: str, path: str, body: dict[str, Any], words: str
) -> None:
    async def story(door: Door) -> None:
        before = await got(door.client.get(ANA))
        problem = await got(door.client.put(f"{ANA}/{path}", json=body), 422)
        assert words in problem["detail"]
        assert await got(door.client.get(ANA)) == before

    told(story, sqlite_database)


CAPPED = {"upn": "bob@contoso.example", "cap_per_month": "5"}
AS_HE_GOES = {"upn": "bob@contoso.example", "licences": ["MCOPSTNPP"]}


@pytest.mark.parametrize(
    ("body", "right", "may"),
    [
        (CAPPED, "edit caps", "billing_administrator"),
        (AS_HE_GOES, "manage pay as you go", "billing_administrator"),
    ],
)
def test_user_is_given_no_cap_and_no_paid_minutes_by_who_edits_users(
    sqlite_database: str, body: dict[str, Any], right: str, may: str
) -> None:
    """One by one as from a file: the change asks for it, not the way that it comes."""
    bob, word = f"{USERS}/bob@contoso.example", next(key for key in body if key != "upn")
    value = body[word] if isinstance(body[word], str) else body[word][0]
    text = f"upn,{word}\nbob@contoso.example,{value}\n"

    async def story(door: Door) -> None:
        await got(door.client.put(bob, json={"upn": "bob@contoso.example"}))
        async with (
            door.holder("user_administrator") as client,
            door.holder("user_administrator", may) as both,
        ):
            for answer in (
                client.put(bob, json=body),
                client.put(f"{USERS}/eve", json={**body, "upn": "eve"}),
                client.post(f"{USERS}/import", content=text, headers={"content-type": "text/csv"}),
            ):
                problem = await got(answer, 403)
                assert f"to {right};" in problem["detail"]
            assert await upns(door) == ["ana@contoso.example", "bob@contoso.example"]
            await sent(both, text)
            await got(client.put(bob, json={**body, "name": "Bob"}))
            assert (await got(client.get(bob)))[word] == body[word], "what stays as it was asks for nothing"
            await got(client.delete(bob), 204)

    told(story, sqlite_database)


# --- many users -------------------------------------------------------------------------------------------


async def sent(client: httpx.AsyncClient, text: str, query: str = "", status: int = 200) -> Any:
    """What an import answers."""
    headers = {"content-type": "text/csv"}
    return await got(client.post(f"{USERS}/import{query}", content=text.encode(), headers=headers), status)


PEOPLE = (
    "UPN,Licences,Cost_Centre\r\n"
    "ana@contoso.example,MCOPSTN1;MCOPSTNC,Sales\r\n"
    "bob@contoso.example,MCOPSTN1,Sales\r\n"
    "eve@contoso.example,,\r\n"
)


def test_file_of_users_is_shown_and_then_brought_in(database: str) -> None:
    async def story(door: Door) -> None:
        bob = {"upn": "bob@contoso.example", "location": "US", "licences": "MCOPSTN1", "cost_centre": "Sales"}
        eve = {"upn": "eve@contoso.example", "location": "US"}
        expected = {
            "added": 2,
            "changed": 0,
            "unchanged": 1,
            "removed": 0,
            "users": [
                {
                    "upn": user["upn"],
                    "change": "added",
                    "line": line,
                    "fields": [{"field": key, "before": "", "after": text} for key, text in user.items()],
                }
                for line, user in ((3, bob), (4, eve))
            ],
        }
        assert await sent(door.client, PEOPLE, "?dry_run=true") == {"dry_run": True, **expected}
        assert await upns(door) == ["ana@contoso.example"], "a dry run changes nothing"
        assert await sent(door.client, PEOPLE) == {"dry_run": False, **expected}
        assert await upns(door) == ["ana@contoso.example", "bob@contoso.example", "eve@contoso.example"]
        again = await sent(door.client, PEOPLE)
        assert (again["added"], again["unchanged"]) == (0, 3)
        moved = await sent(door.client, "upn,location\nbob@contoso.example,GB\n", "?dry_run=true")
        assert moved["users"] == [
            {
                "upn": "bob@contoso.example",
                "change": "changed",
                "line": 2,
                "fields": [{"field": "location", "before": "US", "after": "GB"}],
            }
        ]
        left = await sent(door.client, "upn,cost_centre\nana@contoso.example,Sales\n", "?remove_others=true")
        assert (left["removed"], {one["line"] for one in left["users"]}) == (2, {None})
        assert await upns(door) == ["ana@contoso.example"]

    told(story, database)


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        ("", ["empty"]),
        ("name\nAna\n", ["upn"]),
        ("upn,licences\nbob,NOSUCH\neve,MCOPSTN1\n", ["line 2"]),
        ("upn,licences\nbob,MCOPSTN1\nbob,\n", ["line 3"]),
        ("upn,licences\nbob,MCOPSTN1\nkim,MCOPSTN1\nlea,MCOPSTN1\n", ["4 assigned but 2 bought"]),
        ("upn,cap_per_month\nbob,NaN\nkim,-1\n", ["line 2", "line 3"]),
        ("upn,location\nbob,Atlantis\n", ["line 2"]),
        ('upn,name\nbob,"Bob\n', ["line 2"]),
        ("upn\nbob\n\x00\n", ["line 3"]),
    ],
)
def test_file_with_bad_rows_names_them_and_brings_in_nothing(
    sqlite_database: str, text: str, faults: list[str]
) -> None:
    async def story(door: Door) -> None:
        for query in ("?dry_run=true", ""):
            problem = await sent(door.client, text, query, 422)
            said = problem.get("faults") or [problem["detail"]]
            for fault in faults:
                assert any(fault in one for one in said), (fault, said)
        assert await upns(door) == ["ana@contoso.example"]

    told(story, sqlite_database)


def test_import_takes_csv_by_those_who_may(sqlite_database: str) -> None:
    async def story(door: Door) -> None:
        plain = await got(door.client.post(f"{USERS}/import", json={}), 415)
        assert plain["code"] == "unsupported_media_type"
        async with door.holder("license_administrator") as client:
            assert "import users" in (await sent(client, PEOPLE, status=403))["detail"]
        async with door.holder("user_administrator") as client:
            many = "".join(f"{'u' * 50}{number}@contoso.example\n" for number in range(16_000))
            assert len(many) > 1 << 20, "more than other routes take"
            assert (await sent(client, f"upn\n{many}", "?dry_run=true"))["added"] == 16_000

    told(story, sqlite_database)


# --- a person who is forgotten ----------------------------------------------------------------------------


def test_person_is_erased_and_the_ledger_stays(database: str) -> None:
    async def story(door: Door) -> None:
        await door.call("c1")
        await got(door.client.post(f"{CONTOSO}/calls/c1/end", json={"duration_seconds": 61}))
        entries = await got(door.client.get(f"{CONTOSO}/entries"))
        erase = f"{ANA}/erase"
        problem = await got(door.client.post(erase, json={"confirm": False}), 422)
        assert problem["code"] == "not_confirmed"
        assert await upns(door) == ["ana@contoso.example"]
        await door.call("c2")
        problem = await got(door.client.post(erase, json={"confirm": True}), 409)
        assert problem["code"] == "erasure_refused", "a call is in progress"
        await got(door.client.post(f"{CONTOSO}/calls/c2/release"))
        erased = await got(door.client.post(erase, json={"confirm": True}))
        assert erased["charges"] >= 1
        kept = (await got(door.client.get(f"{CONTOSO}/entries")))["entries"]
        assert kept[-len(entries["entries"]) :] == entries["entries"], "figures and hashes are as before"
        for path in ("/users", "/calls", "/audit", "/calls/c1"):
            assert "ana@contoso" not in (await door.client.get(f"{CONTOSO}{path}")).text, path
        reader = Reader(open_url(database))
        newest = reader.audit("contoso", NO_BEFORE, 1)[0]
        assert newest.what == "a person was erased"
        assert "(operator)" in newest.who
        assert verify(open_url(database)).is_clean

    told(story, database)
