"""People leave the ledger and its figures stay: retention by time, erasure on request, engines running."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, TypeVar

import pytest

from talktime.accounts.documents import text_of, user_key
from talktime.accounts.tenant import Administrator, Cap, Guards, Licence, Tenant, User
from talktime.catalog.load import load_catalogue
from talktime.catalog.side import load_masking, load_retention
from talktime.core.deck import RateBook
from talktime.files.decks.sample import default_deck
from talktime.insight.persons import erased_name, keeping_of, numbers_country, person_of
from talktime.insight.spend import spend
from talktime.insight.usage_rows import UsageRows
from talktime.ledger.api_keys import LIVE, MANAGEMENT, ApiKeys
from talktime.ledger.commands import PutDocuments
from talktime.ledger.database import open_url
from talktime.ledger.erasure import Erased, ErasureRefusedError, erase_person
from talktime.ledger.forgetting import Texts, country_prefix_of
from talktime.ledger.records import ChargeBody, Document
from talktime.ledger.retention import forget_calls
from talktime.ledger.usage_reading import Asked, UsageReader
from talktime.ledger.verify import verify
from talktime.live.answers import Allowed, Denied, Settled
from talktime.live.commands import Sweep
from talktime.live.operations import EndCall, ExtendCall, StartCall
from talktime.live.posting import have_same_numbers
from talktime.live.rerate import body_of_charge, is_askable, reprice
from tests.databases import database, sqlite_database
from tests.live.live_desk import SECOND, LiveDesk, books_of

__all__ = ["database", "sqlite_database"]  # fixtures

CATALOGUE = load_catalogue()
Result = TypeVar("Result")
SECRET = b"of this installation"
ANA, BEN = "Ana.Lee@acme.example", "ben@acme.example"
ANAS_ID, ANAS_NUMBER = "11112222-aaaa", "+12065550123"
LONDON, PARIS, HOME = "+442079460000", "+33142685300", "+12125550123"
ADD_ON = "MCOMEETADD_DIALOUT_US"
DAY_US = 86_400 * SECOND
PLANS = tuple(Licence(plan) for plan in ("MCOPSTN1", "MCOPSTNC", "MCOMEETADD", ADD_ON))
TENANT = Tenant(
    "acme",
    "Acme",
    "US",
    "USD",
    users=(
        User(ANA, ANAS_ID, "Ana Lee", "US", PLANS, (ANAS_NUMBER,), cap_per_month_micros=500_000_000),
        User(BEN, "", "Ben", "GB", PLANS),
    ),
    caps=(Cap("user", BEN, 900_000_000), Cap("tenant", "", 900_000_000)),
    guards=Guards(calls_per_user=8, dear_an_hour_per_user_micros=900_000_000, dear_countries=("GB",)),
)
EVER = Asked("acme", 0, 2**60)
FIGURES = (
    "select number, at_us, start_us, category, billed_s, pool_s, paid_s, amount, credits, post_usage,"
    " overdraft, corrects from charges order by number"
)
CHAIN = (
    "select number, at_us, kind, debit, credit, amount, lot, charge, corrects, hash from journal order by 1"
)


class Books(LiveDesk):
    """A desk with one tenant, and short ways to make calls."""

    def start(self, call_id: str, user: str = ANA, callee: str = LONDON, kind: str = "user_out") -> Any:
        self.now_us += SECOND
        caller = "+442079461111" if user == BEN else ANAS_NUMBER
        return self.do(
            StartCall("acme", call_id, 0, kind, user=user, caller=caller, callee=callee, requested_s=300)
        )

    def call(self, call_id: str, user: str = ANA, callee: str = LONDON, kind: str = "user_out") -> None:
        assert isinstance(self.start(call_id, user, callee, kind), Allowed)
        self.do(EndCall("acme", call_id, 1, 90))

    def lost(self, call_id: str, user: str = ANA, kind: str = "conf_out") -> None:
        self.start(call_id, user, HOME, kind)
        self.do(ExtendCall("acme", call_id, 1, 200))
        self.now_us += 3_600 * SECOND
        self.do(Sweep("acme", call_id, self.desks[0].rules))

    def beside(self, work: Callable[[], Result]) -> Result:
        """Does something in a thread while the engines go on."""
        return self._runner.run(asyncio.to_thread(work))

    def in_loop(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Does something in the loop of the engines."""
        return self._runner.run(work)

    def month(self) -> None:
        """Calls of both with pools, caps, a pool of one's own, one that fell silent, and its correction."""
        self.lost("lost-1")
        self.call("ana-1")
        self.call("ana-2", ANAS_ID, HOME)
        self.call("ana-3", ANA.upper(), HOME, "conf_out")
        self.call("ben-1", BEN, PARIS)
        self.call("ben-2", BEN, ANAS_NUMBER)
        self.lost("lost-2", BEN)
        self.do(EndCall("acme", "lost-1", 2, 290))

    def everything(self) -> str:
        """All text that is stored, table by table."""
        names = "wallets charges sessions journal counters lots outbox audit tenants users service_numbers"
        names += " deliveries papers payments imported api_keys"
        return "\n".join(
            f"{name}: {row}" for name in names.split() for row in self.rows(f"select * from {name}")
        )

    def is_clean(self) -> bool:
        verified = verify(self.url, now_us=self.now_us)
        assert verified.differences == ()
        return verified.is_clean and verified.charges > 0


@contextmanager
def books(database: str, tenant: Tenant = TENANT, desks: int = 1) -> Iterator[Books]:
    desk = Books(database, CATALOGUE, books_of(default_deck()), desks=desks)
    try:
        desk.add(tenant)
        desk.fund("acme", 100_000_000)
        yield desk
    finally:
        desk.close()


def erased(desk: Books, word: str = ANA, tenant: Tenant = TENANT) -> Erased:
    person = person_of(tenant, word, CATALOGUE, SECRET, desk.now_us)
    return desk.beside(lambda: erase_person(desk.url, person, "key 1 (console)", desk.now_us))


def names_in(text: str) -> list[str]:
    """What of Ana is left in a text, in any letter case."""
    return re.findall(rf"ana\.lee|{ANAS_ID}|Ana Lee|{re.escape(ANAS_NUMBER)}|79460000", text, re.IGNORECASE)


# --- a person ------------------------------------------------------------------------------------------


def test_nothing_names_an_erased_person_and_no_figure_changes(database: str) -> None:
    with books(database) as desk:
        desk.month()
        assert len(names_in(desk.everything())) > 20
        figures, chain, wallet = desk.rows(FIGURES), desk.rows(CHAIN), desk.wallet("acme")
        used = sorted(desk.counters("acme").values())
        assert desk.is_clean()
        done = erased(desk)
        assert done.charges == 6
        assert done.sessions == 5
        assert names_in(desk.everything()) == []
        assert (desk.rows(FIGURES), desk.rows(CHAIN), desk.wallet("acme")) == (figures, chain, wallet)
        assert sorted(desk.counters("acme").values()) == used
        assert desk.is_clean()


def test_calls_of_an_erased_person_stay_one_persons(database: str) -> None:
    with books(database) as desk:
        desk.month()
        erased(desk)
        word = erased_name("acme", ANAS_ID, SECRET)
        users = {name for (name,) in desk.rows("select user_name from charges")}
        assert users == {word, BEN}
        rows = UsageRows(TENANT, CATALOGUE, load_masking())
        lines = {line.key: line.sums.calls for line in spend(UsageReader(desk.url), rows, EVER, "user").lines}
        assert lines == {word: 4, BEN: 3}


def test_numbers_keep_their_country_and_length(database: str) -> None:
    with books(database) as desk:
        desk.call("ana-1")
        erased(desk)
        ((text,),) = desk.rows("select body from charges")
        facts = json.loads(text)[0]
        assert facts[1:5] == [erased_name("acme", ANAS_ID, SECRET), "", "+1**********", "+44**********"]


def test_audit_says_that_it_was_done_and_not_to_whom(database: str) -> None:
    with books(database) as desk:
        desk.call("ana-1")
        user = replace(TENANT.users[0], cost_centre="Sales")
        document = Document("users", user_key(user), text_of(user))
        desk.do(
            PutDocuments(
                "acme",
                [document],
                lambda _: "",
                f"user {ANA} changed",
                text_of(TENANT.users[0]),
                text_of(user),
            )
        )
        erased(desk)
        lines = desk.rows("select who, what, before, after from audit order by id")
        assert lines[-1] == ("key 1 (console)", "a person was erased", "", "")
        assert names_in(repr(lines)) == []
        changed = json.loads(lines[-2][3])
        assert changed["cost_centre"] == "Sales", "what was changed can still be read"


def test_keys_lose_the_name_of_an_erased_person(database: str) -> None:
    """Only those of this tenant alone, and lines about them; who holds the others may be called alike."""
    tenant = replace(TENANT, users=(*TENANT.users, User("Bob", "", "Bob", "US")))
    with books(database, tenant) as desk:
        keys = ApiKeys(open_url(database))
        own, _ = keys.create("Bob", ["acme"], [MANAGEMENT], 1)
        anas, _ = keys.create(f"laptop of {ANA}", ["acme"], [LIVE], 2, f"key {own.id} (Bob)")
        keys.create("Bob", None, [MANAGEMENT], 3)
        keys.create("Bob", ["acme", "beta"], [MANAGEMENT], 4)
        keys.revoke(anas.id, 5, f"key {own.id} (Bob)")
        put = [Document("users", "bob", text_of(User("Bob", "", "Bob", "GB")))]
        desk.do(PutDocuments("acme", put, lambda _: "", "user bob put", "", "", f"key {own.id} (bob)"))
        assert erased(desk, "bob", tenant).rows > 0
        word = erased_name("acme", "bob", SECRET)
        assert desk.rows("select name from api_keys order by created_us") == [
            (word,), (f"laptop of {ANA}",), ("Bob",), ("Bob",)
        ]  # fmt: skip
        lines = desk.rows("select who, what from audit where tenant = '' order by id")
        assert sum("Bob" in repr(line) for line in lines) == 2
        assert (f"key {own.id} ({word})", f"key {anas.id} revoked") in lines
        assert (f"key {own.id} ({word})", f"user {word} put") in desk.rows(
            "select who, what from audit where tenant = 'acme'"
        )
        erased(desk, ANA, tenant)
        assert names_in(desk.everything()) == []


def test_a_person_whose_id_is_a_figure_takes_no_amount_along(database: str) -> None:
    """Nor the counters of a cost centre or a country that is called alike."""
    fifty = User("fifty@acme.example", "50", "Fi", "US", PLANS, cost_centre="50")
    tenant = replace(
        TENANT, users=(fifty,), caps=(Cap("user", "50", 50_000_000), Cap("cost_centre", "50", 50))
    )
    with books(database, tenant) as desk:
        told = {"amount": "50", "scope": "user", "id": "50", "counter": "cap:cost_centre/50"}
        user = [Document("users", "50", text_of(fifty))]
        before = json.dumps([told])
        desk.do(PutDocuments("acme", user, lambda _: "", "user 50 put", before, ""))
        desk.call("one", "50", HOME, "conf_out")
        erased(desk, "50", tenant)
        word = erased_name("acme", "50", SECRET)
        ((what, mended),) = desk.rows("select what, before from audit where before <> ''")
        assert what == f"user {word} put"
        assert json.loads(mended) == [told | {"id": word}]
        ((counters,),) = desk.rows("select count(*) from counters where counter = 'cap:cost_centre/50'")
        assert counters == 1
        assert desk.is_clean()


def test_erased_person_can_call_no_more_and_others_can(database: str) -> None:
    with books(database, desks=2) as desk:
        desk.call("ana-1")
        erased(desk)
        for at in (0, 1):
            answer = desk.do(StartCall("acme", f"ana-{at + 2}", 0, "user_out", user=ANA, callee=HOME), at)
            assert isinstance(answer, Denied)
            answer = desk.do(StartCall("acme", f"ben-{at}", 0, "user_out", user=BEN, callee=HOME), at)
            assert isinstance(answer, Allowed)
            desk.do(EndCall("acme", f"ben-{at}", 1, 60), at)
        assert desk.is_clean()


def test_late_end_of_an_erased_persons_call_still_corrects_it(database: str) -> None:
    with books(database) as desk:
        desk.lost("lost-1")
        erased(desk)
        desk.do(EndCall("acme", "lost-1", 2, 290))
        assert desk.is_clean()
        assert names_in(desk.everything()) == []
        assert {name for (name,) in desk.rows("select user_name from charges")} == {
            erased_name("acme", ANAS_ID, SECRET)
        }


def test_calls_in_progress_refuse_erasure(database: str) -> None:
    with books(database) as desk:
        desk.start("open-1")
        before = desk.everything()
        with pytest.raises(ErasureRefusedError, match="1 call in progress; end"):
            erased(desk)
        assert desk.everything() == before
        assert erased(desk, BEN).charges == 0, "a call of somebody else refuses nobody"
        desk.do(EndCall("acme", "open-1", 1, 60))
        assert erased(desk).charges == 1
        assert desk.is_clean()


def test_administrator_and_stranger_are_refused(database: str) -> None:
    tenant = replace(TENANT, administrators=(Administrator(ANA.lower(), roles=()),))
    with books(database, tenant) as desk:
        desk.call("ana-1")
        before = desk.everything()
        with pytest.raises(ErasureRefusedError, match="administrator"):
            erased(desk, tenant=tenant)
        with pytest.raises(ErasureRefusedError, match="nobody of this name"):
            erased(desk, "carl@acme.example", tenant)
        assert desk.everything() == before


def test_person_who_has_left_already_can_be_erased(database: str) -> None:
    left = replace(TENANT, users=TENANT.users[1:])
    with books(database) as desk:
        desk.call("ana-1")
        gone = Document("users", user_key(TENANT.users[0]), "")
        assert desk.do(PutDocuments("acme", [gone], lambda _: "", "a user left")) is True
        assert erased(desk, ANA, left).charges == 1
        assert "ana.lee" not in desk.everything().lower()
        assert desk.is_clean()


def test_erasing_twice_keeps_counters_whole(database: str) -> None:
    with books(database) as desk:
        desk.call("ana-1")
        erased(desk)
        user = TENANT.users[0]
        desk.do(
            PutDocuments("acme", [Document("users", user_key(user), text_of(user))], lambda _: "", "back")
        )
        desk.call("ana-2")
        erased(desk)
        assert desk.is_clean()
        assert names_in(desk.everything()) == []


def test_calls_go_on_while_people_are_forgotten(database: str) -> None:
    """Another process rewrites while this one charges; neither loses what the other does."""
    with books(database) as desk:
        for number in range(20):
            desk.call(f"old-{number}", BEN if number % 2 else ANA, HOME, "conf_out")
        person = person_of(TENANT, ANA, CATALOGUE, SECRET, desk.now_us)
        keeping = keeping_of(TENANT, load_retention(), desk.now_us + 500 * DAY_US)
        prefix = numbers_country(CATALOGUE)

        async def calls() -> int:
            ended = 0
            for number in range(40):
                call = StartCall("acme", f"new-{number}", 0, "conf_out", user=BEN, callee=HOME)
                assert isinstance(await desk.desks[0].submit(call), Allowed)
                ended += isinstance(
                    await desk.desks[0].submit(EndCall("acme", f"new-{number}", 1, 61)), Settled
                )
            return ended

        async def both() -> tuple[Erased, int, int]:
            return await asyncio.gather(
                asyncio.to_thread(erase_person, desk.url, person, "key 1", desk.now_us),
                asyncio.to_thread(forget_calls, desk.url, keeping, prefix, batch=1, pause_s=0),
                calls(),
            )

        erased_one, forgotten_calls, ended = desk.in_loop(both())
        assert (erased_one.charges <= 10, forgotten_calls >= 20, ended) == (True, True, 40)
        assert desk.is_clean()
        assert names_in(desk.everything()) == []


def test_forgotten_call_is_still_known_when_its_file_comes_again(sqlite_database: str) -> None:
    with books(sqlite_database) as desk:
        desk.call("ana-1")
        forgotten(desk, 400)
        (call,) = UsageReader(desk.url).page(EVER, None, 5).calls
        assert have_same_numbers(call.body.facts, ANAS_NUMBER, LONDON)
        assert not have_same_numbers(call.body.facts, ANAS_NUMBER, PARIS)


@pytest.mark.parametrize(
    ("text", "without"),
    [
        ('{"upn":"ANA.lee@acme.example"}', '{"upn":"x"}'),
        ("user ana.lee@acme.example changed", "user x changed"),
        ("banana.lee@acme.example", "banana.lee@acme.example"),
        ("ana.lee@acme.example.org", "ana.lee@acme.example.org"),
        ("of ana.lee@acme.example.", "of x."),
        ('{"name":"Jo"}', '{"name":"x"}'),
        ("Jo changed it, Joanna did not", "Jo changed it, Joanna did not"),
        ('{"name":"jo","state":"Jo"}', '{"name":"x","state":"Jo"}'),
        ("user Jo put", "user x put"),
        ("licence Jo assigned to jo", "licence Jo assigned to x"),
        ("key 12ab (Jo) made", "key 12ab (x) made"),
        ("key 12ab (Jo Ann)", "key 12ab (Jo Ann)"),
        ("console (jo)", "console (x)"),
        ("Jo", "x"),
        ('["+12065550123"]', '["x"]'),
        ('["+120655501234"]', '["+120655501234"]'),
        ("Ana  Lee and Ana Lee", "Ana  Lee and x"),
    ],
)
def test_names_in_texts(text: str, without: str) -> None:
    texts = Texts(("ana.lee@acme.example", "Jo", "+12065550123", "Ana Lee", ""), "x")
    assert texts.without(text) == without
    assert Texts((), "x").without(text) == text


@pytest.mark.parametrize(
    ("text", "without"),
    [
        ('{"amount":4711,"user":"4711"}', '{"amount":4711,"user":"x"}'),
        ('{"id":"id","told":{"cap:user/4711":4711}}', '{"id":"x","told":{"cap:user/x":4711}}'),
        ('[4711,"4711",null]', '[4711,"4711",null]'),
        ('{"scope":"user","id":"4711","amount":"4711"}', '{"scope":"user","id":"x","amount":"4711"}'),
        ('{"numbers":["4711"],"micros":["4711"]}', '{"numbers":["x"],"micros":["4711"]}'),
        (
            '{"balance":"4711","text":"4711 USD of 4711.50"}',
            '{"balance":"4711","text":"4711 USD of 4711.50"}',
        ),
        ('{"pool":"pool:MCOPSTNC/domestic/4711"}', '{"pool":"pool:MCOPSTNC/domestic/x"}'),
        ('{"counter":"cap:user/4711/5"}', '{"counter":"cap:user/x/5"}'),
        ('{"counter":"cap:cost_centre/4711"}', '{"counter":"cap:cost_centre/4711"}'),
        ("user 4711 put, 4711 of 4711", "user x put, 4711 of 4711"),
        (
            '{"amount":"206-555-0100","text":"call 206-555-0100."}',
            '{"amount":"206-555-0100","text":"call x."}',
        ),
        (
            '{"body":"{\\"user\\":\\"4711\\",\\"at_us\\":4711}"}',
            '{"body":"{\\"user\\":\\"x\\",\\"at_us\\":4711}"}',
        ),
        ("{user 4711 is no document", "{user x is no document"),
    ],
)
def test_numbers_and_fields_of_documents_are_nobody(text: str, without: str) -> None:
    assert Texts(("4711", "id", "206-555-0100"), "x").without(text) == without


def test_country_prefix_is_as_short_as_can_be() -> None:
    prefix = numbers_country(CATALOGUE)
    assert (prefix("442079460000"), prefix("33142685300")) == ("44", "33")
    assert CATALOGUE.number(prefix("14165550123")).country == "CA"
    assert prefix("000") == ""
    assert country_prefix_of(lambda digits: "X" if len(digits) > 2 else "")("1234") == "123"


# --- retention -----------------------------------------------------------------------------------------


def forgotten(desk: Books, days: int, batch: int = 2) -> int:
    keeping = keeping_of(TENANT, load_retention(), desk.now_us + days * DAY_US)
    prefix = numbers_country(CATALOGUE)
    return desk.beside(lambda: forget_calls(desk.url, keeping, prefix, batch=batch, pause_s=0))


def test_calls_lose_their_names_when_their_time_has_come(database: str) -> None:
    """A user in the US has 365 days, one in GB 450 (retention.toml)."""
    with books(database) as desk:
        desk.month()
        figures, chain = desk.rows(FIGURES), desk.rows(CHAIN)
        assert forgotten(desk, 364) == 0
        assert forgotten(desk, 367) == 5
        left = names_in(repr(desk.rows("select * from charges")))
        assert left == [ANAS_NUMBER], "whom Ben called, whose time has not come"
        assert BEN in repr(desk.rows("select * from charges"))
        assert desk.is_clean()
        assert forgotten(desk, 367) == 0, "what is done is not done again"
        assert forgotten(desk, 452) == 3
        stored = repr(
            desk.rows("select user_name, body from charges")
            + desk.rows("select counter from counters where period between 1 and 99999")
        )
        assert BEN not in stored
        assert (desk.rows(FIGURES), desk.rows(CHAIN)) == (figures, chain)
        assert desk.is_clean()


def test_calls_of_the_customers_own_operator_have_days_of_their_own(sqlite_database: str) -> None:
    """150, where those that we carry have 365 (retention.toml, default)."""
    with books(sqlite_database) as desk:
        desk.call("ours-1")
        desk.call("own-1", ANA, LONDON, "dr_out")
        named = "select call_id from charges where user_name <> '' order by call_id"
        assert desk.is_clean()
        assert forgotten(desk, 149) == 0
        assert forgotten(desk, 152) == 1
        assert desk.rows(named) == [("ours-1",)]
        assert forgotten(desk, 152) == 0
        assert forgotten(desk, 367) == 1
        assert desk.rows(named) == []
        assert desk.is_clean()


def test_which_categories_are_carried_by_others_is_data() -> None:
    """A category of an operator's own catalogue counts as ours do, whatever it is called."""
    ours = CATALOGUE.categories
    own = {"trunk": replace(ours["carried_by_operator"], name="trunk"), "other": ours["other"]}
    catalogue = replace(CATALOGUE, categories=own)
    keeping = keeping_of(TENANT, load_retention(), 500 * DAY_US, catalogue)
    assert keeping.own == {"trunk"}
    us, gb = (keeping.before_us(user, "trunk") - keeping.before_us(user, "other") for user in (ANA, BEN))
    assert (us, gb) == ((365 - 150) * DAY_US, 0)
    assert keeping.before_us("stranger", "trunk") == keeping.before_us(ANA, "trunk") == keeping.latest_us


@pytest.mark.parametrize("batch", [1, 3, 250])
def test_ledger_is_whole_after_every_batch(
    sqlite_database: str, monkeypatch: pytest.MonkeyPatch, batch: int
) -> None:
    with books(sqlite_database) as desk:
        desk.month()
        clean: list[bool] = []
        # Not `time.sleep` itself: other threads of the process sleep too.
        paused = SimpleNamespace(sleep=lambda _: clean.append(desk.is_clean()))
        monkeypatch.setattr("talktime.ledger.retention.time", paused)
        assert forgotten(desk, 500, batch) == 8
        assert len(clean) == -(-8 // batch)
        assert all(clean)


def test_engine_goes_on_beside_retention(database: str) -> None:
    """What it held in memory of the counters is read again; calls after it count as before."""
    with books(database) as desk:
        desk.month()
        before = desk.counters("acme")
        forgotten(desk, 400)
        desk.call("ana-9", ANA, HOME, "conf_out")
        desk.call("ana-10")
        assert desk.is_clean()
        cap = f"cap:user/{ANA.lower()}"
        ((_, period),) = [key for key in before if key[0] == cap]
        after = desk.counters("acme")
        assert after["cap:user/forgotten", period][0] == before[cap, period][0]
        ((new,),) = desk.rows("select sum(amount) from charges where number > 8")
        assert after[cap, period][0] == new > 0


def test_forgotten_calls_are_flagged_and_priced_no_more(database: str) -> None:
    with books(database) as desk:
        desk.call("ana-1")
        forgotten(desk, 400)
        (call,) = UsageReader(desk.url).page(EVER, None, 5).calls
        assert "retention" in call.body.flags
        assert call.charge.user_name == ""
        assert not is_askable(call.body.facts)
        assert reprice(call.charge, call.body, RateBook(default_deck())) is None
        assert isinstance(body_of_charge(call.charge), ChargeBody)
