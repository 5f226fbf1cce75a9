"""What the pages about notices ask: one as its mail says it, one event only, who is told; the audit log."""

from __future__ import annotations

from tests.databases import database, sqlite_database
from tests.doors.http.houses import Door
from tests.doors.http.test_people import CONTOSO, got, told

__all__ = ["database", "sqlite_database"]  # fixtures


async def take_all(door: Door) -> None:
    """Nothing is left of the credits: two events."""
    gone = {"amount": "-50", "reason": "a 100% mistake", "reference": "r1"}
    await got(door.client.post(f"{CONTOSO}/adjustments", json=gone), 201)


def test_a_notice_has_the_words_of_its_mail(sqlite_database: str) -> None:
    async def story(door: Door) -> None:
        await take_all(door)
        (notice,) = (await got(door.client.get(f"{CONTOSO}/notices?kind=balance_zero")))["notices"]
        assert notice["kind"] == "balance_zero"
        assert notice["subject"].startswith("Contoso Ltd: ")
        whole = await got(door.client.get(f"{CONTOSO}/notices/{notice['id']}"))
        assert {name: whole[name] for name in notice} == notice
        assert "What to do" in whole["message"]
        assert "billing_administrator" in whole["roles"]
        assert (await got(door.client.get(f"{CONTOSO}/notices?kind=lot_expired")))["notices"] == []
        assert (await door.client.get(f"{CONTOSO}/notices?kind=%25")).status_code == 400

    told(story, sqlite_database)


def test_who_is_told_of_an_event_is_shown_with_what_may_be_chosen(sqlite_database: str) -> None:
    async def story(door: Door) -> None:
        chosen = {"recipients": {"balance_low": ["teams_administrator"]}}
        await got(door.client.put(f"{CONTOSO}/alerts", json=chosen))
        found = await got(door.client.get(f"{CONTOSO}/alerts/events"))
        events = {each["event"]: each for each in found["events"]}
        assert events["balance_low"] == {
            "event": "balance_low",
            "configurable": True,
            "usual": ["billing_administrator", "global_administrator", "teams_administrator"],
            "roles": ["teams_administrator"],
        }
        zero = events["balance_zero"]
        assert (zero["configurable"], zero["roles"]) == (False, zero["usual"])
        roles = {each["id"]: each["name"] for each in found["roles"]}
        assert roles["billing_administrator"] == "Billing Administrator"
        assert not roles.keys() & {"company_administrator", "provider", "admin_agent"}

    told(story, sqlite_database)


def test_the_audit_log_is_searched_as_text(database: str) -> None:
    async def story(door: Door) -> None:
        await take_all(door)
        await got(door.client.put(f"{CONTOSO}/alerts", json={"low": ["7.25"]}))

        async def found(words: str) -> list[str]:
            answer = await got(door.client.get(f"{CONTOSO}/audit", params={"search": words}))
            return [line["what"] for line in answer["audit"]]

        assert await found("ALERTS put") == ["alerts put"]
        assert await found("7.25") == ["alerts put"]
        assert await found("nothing says this") == []
        assert await found("a 100% mis") != []
        assert await found("_lerts put") == []
        assert len(await found("")) > len(await found("operator")) - 1 > 0

    told(story, database)
