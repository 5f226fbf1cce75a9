"""Bringing in a file of users: the preview says what is done, and all of it is done or nothing."""

import asyncio
import json
from collections.abc import Awaitable, Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talktime.accounts.documents import tenant_of
from talktime.accounts.people_file import PeopleFaults, read_people
from talktime.accounts.people_import import STALE, ApplyPlan, PeopleImport, Plan, plan_of
from talktime.accounts.tenant import Cap, CostCentre, Licence, Subscription, Tenant, User
from talktime.accounts.tenant_commands import TENANT_CLOSED, Invalid
from talktime.catalog.load import load_catalogue
from talktime.ledger.commands import NO_TENANT, Refused, Wallet
from tests.accounts.offices import Office, office
from tests.databases import database, sqlite_database

__all__ = ["database", "sqlite_database"]  # fixtures

CATALOGUE = load_catalogue()
SPRING_US = 1_772_323_200_000_000  # 2026-03-01
ANA = User(
    "ana@x",
    id="7",
    name="Ana",
    location="US",
    licences=(Licence("MCOEV"), Licence("MCOPSTN1", SPRING_US)),
    numbers=("+14255550100", "+14255550101"),
    cost_centre="Sales",
    cap_per_month_micros=50_000_000,
    policies=("calls_domestic",),
)
BOB = User("bob@x", location="US")
CONTOSO = Tenant(
    "contoso", "Contoso", "US", "USD", subscriptions=(Subscription("MCOPSTN1", 2),), users=(ANA, BOB)
)


def plan(text: str, tenant: Tenant = CONTOSO, remove_others: bool = False) -> Plan:
    return plan_of(tenant, read_people(text.encode()), CATALOGUE, remove_others=remove_others)


def faults(text: str, tenant: Tenant = CONTOSO, remove_others: bool = False) -> tuple[str, ...]:
    with pytest.raises(PeopleFaults) as caught:
        plan(text, tenant, remove_others)
    return caught.value.faults


def users_after(text: str, tenant: Tenant = CONTOSO, remove_others: bool = False) -> dict[str, User]:
    """The users as the documents of the plan leave them, by UPN."""
    stored = {(user.id or user.upn).lower(): user for user in tenant.users}
    for table, key, document in plan(text, tenant, remove_others).documents:
        assert table == "users"
        if document:
            own = json.dumps({"id": "", "name": "", "country": "", "currency": ""})
            (stored[key],) = tenant_of(own, [document], ()).users
        else:
            del stored[key]
    return {user.upn: user for user in stored.values()}


# --- what a file does --------------------------------------------------------------------------------


def test_the_preview_tells_added_changed_unchanged_and_removed() -> None:
    text = "upn,name\nana@x,Ana\nbob@x,Bob\neve@x,Eve\n"
    preview = plan(text).preview
    assert (preview.added, preview.unchanged, preview.removed) == (("eve@x",), ("ana@x",), ())
    (changed,) = preview.changed
    assert (changed.upn, changed.before, changed.after) == (
        "bob@x",
        {"upn": "bob@x", "location": "US"},
        {"upn": "bob@x", "name": "Bob", "location": "US"},
    )
    assert preview.sentence == "1 users added, 1 changed, 0 removed, 1 unchanged"
    only = plan("upn,name\nbob@x,\n", remove_others=True).preview
    assert (only.removed, only.unchanged) == (("ana@x",), ("bob@x",))


def test_a_column_that_is_absent_leaves_what_users_have() -> None:
    after = users_after("upn,name\nANA@x,Ana Smith\n")
    assert set(after) == {"ANA@x", "bob@x"}
    changed = after["ANA@x"]
    assert (changed.name, changed.id, changed.licences, changed.numbers) == (
        "Ana Smith",
        "7",
        ANA.licences,
        ANA.numbers,
    )
    assert (changed.cost_centre, changed.cap_per_month_micros, changed.policies) == (
        "Sales",
        50_000_000,
        ("calls_domestic",),
    )


def test_an_empty_cell_takes_it_away() -> None:
    head = "upn,name,location,licences,numbers,cost_centre,cap_per_month,policies\n"
    assert users_after(f"{head}ana@x,,,,,,,\n")["ana@x"] == User("ana@x", id="7", location="US")


def test_a_licence_that_stays_keeps_its_dates() -> None:
    after = users_after("upn,licences\nana@x,MCOPSTN1;MCOPSTNC\n")["ana@x"]
    assert after.licences == (Licence("MCOPSTN1", SPRING_US), Licence("MCOPSTNC"))


@pytest.mark.parametrize(
    "cells",
    ["MCOPSTN1|MCOEV,+1 425 555 0101|(425) 555-0100", "MCOEV;MCOPSTN1,+14255550100;+14255550101"],
)
def test_the_same_in_another_order_is_no_change(cells: str) -> None:
    assert plan(f"upn,licences,numbers\nana@x,{cells}\n").preview.is_nothing


def test_a_user_is_found_by_id_before_upn() -> None:
    after = users_after("upn,id\nana.smith@x,7\n")
    assert set(after) == {"ana.smith@x", "bob@x"}
    assert after["ana.smith@x"].licences == ANA.licences
    assert plan("upn,id\nBOB@x,8\n").preview.changed[0].after == {"upn": "BOB@x", "id": "8", "location": "US"}


def test_two_users_may_swap_their_names() -> None:
    pair = Tenant(
        "c", "c", "US", "USD", users=(User("a@x", "1", location="US"), User("b@x", "2", location="US"))
    )
    after = users_after("upn,id\nb@x,1\na@x,2\n", pair)
    assert {user.id: user.upn for user in after.values()} == {"1": "b@x", "2": "a@x"}
    keys = Tenant(
        "c", "c", "US", "USD", users=(User("a@x", location="US"), User("b@x", "a@y", location="US"))
    )
    assert set(users_after("upn,id\na@x,a@y2\nb@x,a@y\n", keys)) == {"a@x", "b@x"}


def test_a_national_number_is_of_the_users_country() -> None:
    after = users_after("upn,location,numbers\neve@x,GB,020 7946 0000\n")
    assert after["eve@x"].numbers == ("+442079460000",)


# --- refusals ----------------------------------------------------------------------------------------

REFUSALS = [
    ("upn\neve@x\nEVE@x\n", 'line 3 "EVE@x": upn "EVE@x" is already that of line 2 "eve@x"'),
    ("upn\nana@x\nANA@x\n", "line 3: is the same user as line 2; keep one"),
    ("upn,id\nana@x,\nsmith@x,7\n", "line 3: is the same user as line 2; keep one"),
    (
        "upn,numbers\neve@x,+14255550100\n",
        'line 2 "eve@x": number "+14255550100" is already that of the stored user "ana@x"',
    ),
    (
        "upn,licences\neve@x,MCOPSTN11\n",
        'line 2 "eve@x": licences[1]: unknown plan "MCOPSTN11"; did you mean MCOPSTN1',
    ),
    (
        "upn,licences\neve@x,MCOPSTN1;MCOPSTN2\n",
        'line 2 "eve@x": holds two calling plans, MCOPSTN1 and MCOPSTN2',
    ),
    (
        "upn,location,licences\n\neve@x,ZW,MCOPSTNPP\n",
        'line 3 "eve@x": plan MCOPSTNPP (Pay-As-You-Go Calling Plan) is not offered in ZW',
    ),
    (
        "upn,licences\neve@x,MCOPSTN1\nbob@x,MCOPSTN1\n",
        "licences: MCOPSTN1: 3 assigned but 2 bought from 2026-03-01T00:00:00Z on",
    ),
    ("upn,location\neve@x,UK\n", 'line 2 "eve@x": location "UK" is no country code of ISO 3166'),
    ("upn,cap_per_month\neve@x,-1\n", 'line 2 "eve@x": cap_per_month must not be below 0'),
    ("upn,cap_per_month\neve@x,1.0000001\n", "has more than 6 decimals"),
    ("upn,cap_per_month\neve@x,NaN\n", "'NaN' is not a decimal number"),
    ("upn,numbers\neve@x,1.42556E+10\n", 'numbers[1] "1.42556E+10" is not a telephone number'),
    ("upn,policies\neve@x,calls_nobody\n", "policies[1]: unknown policy"),
    ("upn\n7\n", "line 2: '7' names the stored user already"),
]


@pytest.mark.parametrize(
    ("text", "message"), REFUSALS, ids=[f"{at} {row[1]}" for at, row in enumerate(REFUSALS)]
)
def test_a_bad_row_is_named_by_its_line(text: str, message: str) -> None:
    (fault,) = faults(text)
    assert message in fault


def test_all_bad_rows_are_named() -> None:
    assert [fault[:6] for fault in faults("upn,location\na@x,UK\nb@x,US\nc@x,xx\nd@x,GBR\n")] == [
        "line 2",
        "line 4",
        "line 5",
    ]


def test_a_cost_centre_that_is_not_declared_is_refused() -> None:
    declared = Tenant("c", "c", "US", "USD", cost_centres=(CostCentre("Sales"),))
    assert faults("upn,cost_centre\na@x,Sale\n", declared) == (
        'line 2 "a@x": no [[cost_centres]] has the id "Sale"; did you mean Sales?',
    )


def test_a_user_that_a_cap_names_does_not_go() -> None:
    capped = Tenant("c", "c", "US", "USD", users=(ANA, BOB), caps=(Cap("user", "bob@x", 5),))
    (fault,) = faults("upn\nana@x\n", capped, remove_others=True)
    assert 'no user of this file is named "bob@x"' in fault


def test_a_file_of_nobody_does_not_remove_everybody() -> None:
    assert faults("upn\n", remove_others=True) == ("the file names nobody; all users would be removed",)
    assert plan("upn\n").preview.is_nothing


NAMES = st.sampled_from(["ana@x", "ANA@x", "bob@x", "c@x", "d@x"])
CELLS = st.tuples(NAMES, st.sampled_from(["", "7", "8"]), st.sampled_from(["", "MCOPSTN1", "MCOEV;MCOPSTN1"]))


@given(st.lists(CELLS, max_size=5), st.booleans())
def test_a_file_that_was_brought_in_changes_nothing_the_second_time(
    cells: list[tuple[str, str, str]], remove_others: bool
) -> None:
    text = "upn,id,licences\n" + "".join(f"{','.join(row)}\n" for row in cells)
    try:
        after = users_after(text, CONTOSO, remove_others)
    except PeopleFaults:
        return
    tenant = Tenant("c", "c", "US", "USD", subscriptions=CONTOSO.subscriptions, users=tuple(after.values()))
    assert plan(text, tenant, remove_others).preview.is_nothing


# --- on the engine -----------------------------------------------------------------------------------


def run(database: str, story: Callable[[Office, PeopleImport], Awaitable[None]]) -> None:
    tables = {
        "tenant": {"id": "contoso", "country": "US", "currency": "USD"},
        "licences": [{"plan": "MCOPSTN1", "purchased": 100}],
        "users": [{"upn": "ana@x", "id": "7", "licences": ["MCOPSTN1"]}, {"upn": "bob@x"}],
    }

    async def whole() -> None:
        async with office(database) as the:
            assert isinstance(await the.use.make_tenant(tables, "me"), Wallet)
            await story(the, PeopleImport(the.desk.engine, the.reader, the.catalogue))

    asyncio.run(whole())


def people(the: Office) -> list[str]:
    documents = the.reader.documents("contoso")
    assert documents is not None
    return sorted(user.upn for user in tenant_of(documents.tenant, documents.users, ()).users)


def test_a_file_is_brought_in_whole(database: str) -> None:
    content = b"upn,id,name\nana@x,7,Ana\neve@x,,Eve\n"

    async def story(the: Office, use: PeopleImport) -> None:
        seen = await use.preview("contoso", content, remove_others=True)
        assert people(the) == ["ana@x", "bob@x"], "a preview changes nothing"
        done = await use.apply("contoso", content, "me", remove_others=True)
        assert done == seen
        assert people(the) == ["ana@x", "eve@x"]
        lines = the.reader.audit("contoso", 2**62, 9)
        assert [(line.who, line.what) for line in reversed(lines)][1:] == [
            ("me", "users imported: 1 users added, 1 changed, 1 removed, 0 unchanged"),
            ("me", "user ana@x put"),
            ("me", "user eve@x put"),
            ("me", "user bob@x removed"),
        ]
        assert '"name":"Ana"' in lines[2].after
        assert '"name"' not in lines[2].before
        again = await use.apply("contoso", content, "me", remove_others=True)
        assert not isinstance(again, Refused | Invalid)
        assert again.is_nothing
        assert len(the.reader.audit("contoso", 2**62, 9)) == len(lines)

    run(database, story)


def test_one_bad_row_brings_in_nothing(database: str) -> None:
    content = b"upn,location\neve@x,US\nmax@x,UK\n"

    async def story(the: Office, use: PeopleImport) -> None:
        answer = await use.apply("contoso", content, "me", remove_others=True)
        assert answer == Invalid(('line 3 "max@x": location "UK" is no country code of ISO 3166',))
        assert await use.preview("contoso", content) == answer
        assert people(the) == ["ana@x", "bob@x"]

    run(database, story)


def test_imports_at_once_are_one_after_the_other(database: str) -> None:
    async def story(the: Office, use: PeopleImport) -> None:
        files = [f"upn\nu{n}@x\n".encode() for n in range(3)]
        answers = await asyncio.gather(*(use.apply("contoso", content, "me") for content in files))
        assert not any(isinstance(answer, Refused | Invalid) for answer in answers)
        assert people(the) == ["ana@x", "bob@x", "u0@x", "u1@x", "u2@x"]

    run(database, story)


def test_two_imports_cannot_take_one_licence(sqlite_database: str) -> None:
    async def story(the: Office, use: PeopleImport) -> None:
        files = ["upn,licences\n" + "".join(f"{who}{n}@x,MCOPSTN1\n" for n in range(60)) for who in "ab"]
        answers = await asyncio.gather(*(use.apply("contoso", text.encode(), "me") for text in files))
        refused = [answer for answer in answers if isinstance(answer, Invalid)]
        assert len(refused) == 1
        assert "121 assigned but 100 bought" in refused[0].faults[0]
        assert len(people(the)) == 62

    run(sqlite_database, story)


def test_a_plan_that_is_out_of_date_writes_nothing(sqlite_database: str) -> None:
    async def story(the: Office, _: PeopleImport) -> None:
        documents, version = the.reader.documents("contoso"), the.reader.config_version("contoso")
        assert documents is not None
        assert version is not None
        stored = tenant_of(documents.tenant, documents.users, documents.service_numbers)
        made = plan("upn\neve@x\n", stored)
        assert await the.use.put_user("contoso", "max@x", {"upn": "max@x"}, "me") is True
        assert await the.desk.engine.submit(ApplyPlan("contoso", made, version, "me")) == STALE
        assert people(the) == ["ana@x", "bob@x", "max@x"]

    run(sqlite_database, story)


def test_unknown_and_closed_tenants_are_refused(sqlite_database: str) -> None:
    async def story(the: Office, use: PeopleImport) -> None:
        assert await use.apply("nobody", b"upn\na@x\n", "me") == NO_TENANT
        assert await use.preview("nobody", b"upn\na@x\n") == NO_TENANT
        assert await the.provider.close("contoso", "", "eve") is True
        assert await use.apply("contoso", b"upn\na@x\n", "me") == TENANT_CLOSED

    run(sqlite_database, story)
