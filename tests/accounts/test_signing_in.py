"""Who gets in and who stays in: passwords, tries, sessions, invitations, as people and thieves use them."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import pytest
import sqlalchemy as sa
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from talktime.accounts.passwords import LONGEST, SHORTEST, Cost, Passwords, fault_of
from talktime.accounts.signing_in import NotSignedIn, SigningIn
from talktime.ledger.api_keys import person_id
from talktime.ledger.database import open_engine, open_url
from talktime.ledger.reading import Reader
from tests.accounts.sign_in_desk import (
    ANA,
    BEN,
    HOUR,
    LIMITS,
    MINUTE,
    NOON_US,
    OLGA,
    RIGHT,
    WRONG,
    S,
    code,
    desk,
    let_in,
)
from tests.databases import database, fresh_sqlite, sqlite_database

__all__ = ["database", "sqlite_database"]  # fixtures

# --- passwords -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("upn", "password", "expected"),
    [
        (ANA, RIGHT, "in"),
        ("  ANA@Contoso.Example ", RIGHT, "in"),  # names know no case
        (ANA, WRONG, "wrong"),
        (ANA, RIGHT.upper(), "wrong"),  # passwords do
        (ANA, "", "wrong"),
        (ANA, "x" * 1_000_000, "wrong"),
        (BEN, RIGHT, "wrong"),
        ("", "", "wrong"),
        (OLGA, RIGHT, "wrong"),  # invited, and has chosen nothing yet
        (OLGA, "", "wrong"),
    ],
)
def test_who_gets_in(sqlite_database: str, upn: str, password: str, expected: str) -> None:
    the = desk(sqlite_database)
    the.person()
    the.use.invite(OLGA)
    answer = the.use.with_password(upn, password)
    assert ("in" if not isinstance(answer, NotSignedIn) else answer.code) == expected
    if expected == "in":
        signed_in, secret = let_in(answer)
        assert (signed_in.upn, signed_in.how, signed_in.roles) == (ANA, "password", frozenset())
        assert the.use.of(secret) == the.beside().of(secret) == signed_in


def test_a_refusal_says_the_same_whoever_was_asked_for(sqlite_database: str) -> None:
    the = desk(sqlite_database)
    the.person()
    told = {the.use.with_password(upn, WRONG) for upn in (ANA, BEN) for _ in range(8)}
    assert len(told) == 1
    assert the.use.with_password(ANA, RIGHT) in told, "who is locked out learns nothing by the right one"


def test_a_refusal_costs_the_same_work_whoever_was_asked_for(
    sqlite_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unknown, known, locked, and without a password: one hash is checked and one transaction written."""
    the = desk(sqlite_database)
    the.person()
    the.use.invite(OLGA)
    the.use.with_password(BEN, WRONG)  # the hash that is nobody's is made once
    checked: list[str] = []
    fits = Passwords.fits

    def watched(own: Passwords, stored: str, password: str) -> bool:
        checked.append(stored)
        return fits(own, stored, password)

    monkeypatch.setattr(Passwords, "fits", watched)
    with sqlite3.connect(open_url(sqlite_database).path) as watch:
        seen = [watch.execute("pragma data_version").fetchone()[0]]
        for upn in (ANA, BEN, OLGA, *[ANA] * 6, BEN):
            the.use.with_password(upn, WRONG)
            seen.append(watch.execute("pragma data_version").fetchone()[0])
    watch.close()
    assert len(checked) == 10
    assert all(after > before for before, after in pairwise(seen))


@pytest.mark.parametrize(
    ("password", "fault"),
    [
        ("x" * (SHORTEST - 1), "11 characters"),
        ("ab" * (LONGEST // 2) + "c", "201 characters"),
        ("Ana@Contoso.Example", "the name"),
        (" ana@contoso.example ", "the name"),
        ("1" * SHORTEST, "repeats"),
        ("12345678901" + "e\N{COMBINING ACUTE ACCENT}", ""),  # two marks, one letter: twelve
        ("1234567890" + "e\N{COMBINING ACUTE ACCENT}", "11 characters"),
        (RIGHT, ""),
    ],
)
def test_what_a_password_may_be(password: str, fault: str) -> None:
    said = fault_of(password, ANA)
    assert (fault in said) if fault else not said


def test_a_password_is_the_same_however_a_keyboard_composes_its_letters(sqlite_database: str) -> None:
    the = desk(sqlite_database)
    the.person(password="un caf\N{LATIN SMALL LETTER E WITH ACUTE} au lait")
    let_in(the.use.with_password(ANA, "un cafe\N{COMBINING ACUTE ACCENT} au lait"))


def test_a_hash_of_another_cost_is_made_anew_when_its_owner_comes(database: str) -> None:
    the = desk(database)
    the.person()
    dearer = the.beside(replace(LIMITS, cost=Cost(rounds=2, memory_kib=16)))
    before = stored_hash(dearer)
    assert code(dearer.with_password(ANA, WRONG)) == "wrong"
    assert stored_hash(dearer) == before
    let_in(dearer.with_password(ANA, RIGHT))
    assert "m=16,t=2" in stored_hash(dearer)
    let_in(dearer.with_password(ANA, RIGHT))


def stored_hash(use: SigningIn) -> str:
    person = use.person(ANA)
    assert person is not None
    return person.hash


def test_secrets_are_stored_as_hashes_alone(sqlite_database: str) -> None:
    the = desk(sqlite_database)
    _, secret = the.person()
    token = the.use.invite(BEN)
    assert isinstance(token, str)
    held = open_url(sqlite_database).path.read_bytes()
    wal = Path(f"{open_url(sqlite_database).path}-wal")
    held += wal.read_bytes() if wal.exists() else b""
    assert ANA.encode() in held
    for hidden in (secret, token, RIGHT):
        assert hidden.encode() not in held


# --- too many tries --------------------------------------------------------------------------------------


def test_wrong_passwords_make_the_next_one_wait_longer_each_time(database: str) -> None:
    """Counted in the database: every second try is another process's."""
    the = desk(database)
    the.person()
    uses = [the.use, the.beside()]
    for number in range(LIMITS.tries):
        assert code(uses[number % 2].with_password(ANA, WRONG)) == "wrong"
    for wait in (1, 2, 4, 8, 16, 32, 60, 60):
        the.later(wait * MINUTE - 1)
        for use in uses:
            assert code(use.with_password(ANA, RIGHT)) == "wrong", f"{wait} minutes are not over"
        the.later(1)
        assert code(uses[wait % 2].with_password(ANA, WRONG)) == "wrong"
    the.later(HOUR)
    let_in(the.use.with_password(ANA, RIGHT))
    assert code(the.use.with_password(ANA, WRONG)) == "wrong"
    let_in(the.use.with_password(ANA, RIGHT)), "the right one begins anew"
    assert (ANA, f"5 passwords tried for {ANA}: no other for 60 s") in the.audit()


def test_an_invitation_lets_in_who_is_locked_out(sqlite_database: str) -> None:
    the = desk(sqlite_database)
    the.person()
    for _ in range(LIMITS.tries):
        the.use.with_password(ANA, WRONG)
    the.person(password="quite another one")
    let_in(the.use.with_password(ANA, "quite another one"))


def test_guesses_of_others_keep_nobody_out_of_its_own_browser(sqlite_database: str) -> None:
    the = desk(sqlite_database)
    the.person()
    let_in(the.use.with_password(ANA, RIGHT))
    word = the.use.browser_word(ANA)
    for _ in range(LIMITS.tries):
        the.use.with_password(ANA, WRONG)
    assert code(the.use.with_password(ANA, RIGHT)) == "wrong"
    assert code(the.use.with_password(ANA, RIGHT, word[::-1])) == "wrong"
    let_in(the.use.with_password(ANA, RIGHT, word))


def test_a_known_browser_has_few_tries_during_a_wait(sqlite_database: str) -> None:
    """Whoever has stolen its word, too; and the word ends with the password, and is one person's."""
    the = desk(sqlite_database)
    the.person()
    word = the.use.browser_word(ANA)
    for _ in range(2 * LIMITS.tries):
        the.use.with_password(ANA, WRONG, word)
    assert code(the.use.with_password(ANA, RIGHT, word)) == "wrong"
    the.person(password="quite another one")
    assert the.use.browser_word(ANA) != word
    assert (the.use.browser_word(BEN), the.use.invite(BEN) and the.use.browser_word(BEN)) == ("", "")


# --- sessions --------------------------------------------------------------------------------------------


def test_every_sign_in_has_a_secret_of_its_own(sqlite_database: str) -> None:
    """Whoever planted a secret before somebody signed in holds nothing after."""
    the = desk(sqlite_database)
    planted = "planted-" + "x" * 40
    assert the.use.of(planted) is None
    secrets = [the.person()[1], *(let_in(the.use.with_password(ANA, RIGHT))[1] for _ in range(3))]
    assert len({planted, *secrets}) == 5
    assert the.use.of(planted) is None
    assert [the.use.of(secret) is not None for secret in secrets] == [True] * 4, "an older one ends by itself"


def test_a_session_ends_in_other_processes_within_seconds(database: str) -> None:
    the = desk(database)
    _, one = the.person()
    _, two = let_in(the.use.with_password(ANA, RIGHT))
    other = the.beside()
    assert None not in (other.of(one), other.of(two))
    the.use.end(one)
    assert the.use.of(one) is None, "here at once"
    assert other.of(one) is not None, "as it was seen last"
    the.later(LIMITS.cache_us)
    assert (other.of(one), other.of(two) is not None) == (None, True)
    assert (the.use.end_all(ANA.upper()), the.use.end_all(ANA), the.use.of(two)) == (1, 0, None)


def test_looking_keeps_no_session_alive_and_acting_does(sqlite_database: str) -> None:
    the = desk(sqlite_database)
    _, looks = the.person()
    _, acts = let_in(the.use.with_password(ANA, RIGHT))
    for _ in range(30):
        the.later(MINUTE)
        the.use.of(looks, touch=False)
        the.use.of(acts)
    assert (the.use.of(looks), the.use.of(acts) is not None) == (None, True)
    for _ in range(2 * 12 - 1):
        assert the.use.of(acts) is not None
        the.later(30 * MINUTE - 1)
    the.later(23)
    assert the.use.of(acts) is None, "twelve hours are over"


def test_old_sessions_are_forgotten(sqlite_database: str) -> None:
    the = desk(sqlite_database)
    the.person()
    the.later(LIMITS.whole_us + LIMITS.keep_us + 1)
    let_in(the.use.with_password(ANA, RIGHT))
    with open_engine(open_url(sqlite_database)).connect() as db:
        assert db.scalar(sa.text("select count(*) from sign_ins")) == 1


class Sessions(RuleBasedStateMachine):
    """One person, her sessions and her tries, against a model of them; the clock moves by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory(prefix="tt-")
        self.the = desk(fresh_sqlite(Path(self.folder.name)))
        self.failures, self.locked_until_us = 0, 0
        self.open: dict[str, tuple[int, int]] = {}  # secret -> (begun, last written use)

    def teardown(self) -> None:
        self.folder.cleanup()

    @initialize()
    def chosen(self) -> None:
        _, secret = self.the.person()
        self.open[secret] = (NOON_US, NOON_US)

    @rule(is_right=st.booleans(), number=st.integers(1, 3))
    def tries(self, is_right: bool, number: int) -> None:
        for _ in range(number):
            now_us = self.the.clock()
            answer = self.the.use.with_password(ANA, RIGHT if is_right else WRONG)
            is_taken = now_us >= self.locked_until_us
            assert isinstance(answer, NotSignedIn) != (is_right and is_taken)
            if not is_taken:
                continue
            if is_right:
                self.failures, self.locked_until_us = 0, 0
                self.open[let_in(answer)[1]] = (now_us, now_us)
                continue
            self.failures += 1
            if self.failures >= 5:
                self.locked_until_us = now_us + min(2 ** (self.failures - 5), 60) * MINUTE

    @rule(span_us=st.sampled_from([S, 30 * S, MINUTE, 10 * MINUTE, 29 * MINUTE, 30 * MINUTE, 3 * HOUR]))
    def time_passes(self, span_us: int) -> None:
        self.the.later(span_us)

    @rule(at=st.integers(0, 9), touch=st.booleans())
    def asks(self, at: int, touch: bool) -> None:
        if not self.open:
            return
        secret = sorted(self.open)[at % len(self.open)]
        begun_us, seen_us = self.open[secret]
        now_us = self.the.clock()
        is_open = now_us < min(begun_us + 12 * HOUR, seen_us + 30 * MINUTE)
        assert (self.the.use.of(secret, touch=touch) is not None) == is_open
        if is_open and touch and now_us - seen_us >= MINUTE:
            self.open[secret] = (begun_us, now_us)
        if not is_open:
            del self.open[secret]

    @rule(at=st.integers(0, 9), everywhere=st.booleans())
    def signs_out(self, at: int, everywhere: bool) -> None:
        if not self.open:
            return
        secret = sorted(self.open)[at % len(self.open)]
        if everywhere:
            self.the.use.end_all(ANA)
            gone = set(self.open)
        else:
            self.the.use.end(secret)
            gone = {secret}
        for one in gone:
            assert self.the.use.of(one) is None
            del self.open[one]

    @rule()
    def another_process_knows_the_same(self) -> None:
        other = self.the.beside()
        for secret, (begun_us, seen_us) in self.open.items():
            is_open = self.the.clock() < min(begun_us + 12 * HOUR, seen_us + 30 * MINUTE)
            assert (other.of(secret, touch=False) is not None) == is_open


def test_sessions_and_tries_are_as_the_rules_say() -> None:
    run_state_machine_as_test(
        Sessions, settings=settings(max_examples=8, stateful_step_count=20, deadline=None)
    )


# --- invitations -----------------------------------------------------------------------------------------


def test_a_link_is_good_once_and_ends_older_sessions(database: str) -> None:
    the = desk(database)
    _, old = the.person()
    first, second = the.use.invite(ANA, who="olga"), the.use.invite(ANA, who="olga")
    assert isinstance(first, str)
    assert isinstance(second, str)
    assert code(the.use.accept(first, RIGHT)) == "expired", "a newer link takes its place"
    invitation = the.use.invitation(second)
    assert invitation is not None
    assert (invitation.upn, invitation.name, invitation.is_new) == (ANA, "Ana Lima", False)
    assert code(the.use.accept(second, "short")) == "unfit", "which uses nothing up"
    signed_in, secret = let_in(the.use.accept(second, "quite another one"))
    assert (the.use.of(old), the.use.of(secret)) == (None, signed_in)
    assert code(the.use.accept(second, "and another one")) == "expired"
    assert code(the.use.with_password(ANA, RIGHT)) == "wrong"
    assert ("olga", f"{ANA} invited to sign in") in the.audit()
    assert the.audit()[-1] == (ANA, f"{ANA} chose a password")


def test_a_link_grows_old(sqlite_database: str) -> None:
    the = desk(sqlite_database)
    token = the.use.invite(ANA)
    assert isinstance(token, str)
    the.later(72 * HOUR - 1)
    assert the.use.invitation(token)
    the.later(1)
    assert the.use.invitation(token) is None
    assert code(the.use.accept(token, RIGHT)) == "expired"


@pytest.mark.parametrize(
    "upn", ["", "ana", "ana@", "@x.example", "a b@x.example", "a/b@x.example", "a\n@x.example"]
)
def test_a_name_that_is_none_is_refused(sqlite_database: str, upn: str) -> None:
    assert code(desk(sqlite_database).use.invite(upn)) == "invalid"


@pytest.mark.parametrize(
    ("roles", "partner", "is_fine"),
    [
        (["provider"], "", True),
        (["auditor", "provider"], "", True),
        ([], "", True),
        (["admin_agent"], "fabrikam", True),
        ([], "fabrikam", True),
        (["admin_agent"], "", False),
        (["provider"], "fabrikam", False),
        (["global_administrator"], "", False),
        (["king"], "", False),
    ],
)
def test_roles_are_for_the_installation_or_a_partner(
    sqlite_database: str, roles: list[str], partner: str, is_fine: bool
) -> None:
    the = desk(sqlite_database)
    token = the.use.invite(OLGA, roles=roles, partner=partner)
    assert isinstance(token, str) == is_fine
    if is_fine:
        (olga,) = the.use.people()
        expected = roles or (["admin_agent"] if partner else [])
        assert (olga.roles, olga.partner) == (frozenset(expected), partner)


def test_who_is_shut_out_stays_out_until_invited(database: str) -> None:
    the = desk(database)
    _, secret = the.person()
    pending = the.use.invite(ANA)
    assert isinstance(pending, str)
    assert (the.use.disable(ANA, "olga"), the.use.disable("nobody@x.example", "olga")) == (True, False)
    assert the.use.of(secret) is None
    assert code(the.use.with_password(ANA, RIGHT)) == "disabled"
    assert code(the.use.with_openid(ANA, "Ana", frozenset(), {})) == "disabled"
    assert code(the.use.accept(pending, RIGHT)) == "expired"
    the.person(password="quite another one")
    let_in(the.use.with_password(ANA, "quite another one"))


@pytest.mark.parametrize(
    "look_alike", ["ana@conto\u017fo.example", "\u212aai@x.example", "stra\u00dfe@x.example"]
)
def test_a_provider_names_nobody_by_letters_that_become_others(sqlite_database: str, look_alike: str) -> None:
    """Case put aside, the long s is an s: another account at the provider would be ana here."""
    the = desk(sqlite_database)
    the.person()
    with pytest.raises(ValueError, match="is no name to sign in with"):
        the.use.with_openid(look_alike, "Ana", frozenset(), {})
    let_in(the.use.with_openid("ANA@Contoso.example", "Ana", frozenset(), {}))


def test_a_person_can_act_since_it_chose_its_password(sqlite_database: str) -> None:
    """So that nobody makes itself a second person for its own request."""
    the = desk(sqlite_database)
    assert the.use.since_us(person_id(ANA)) > NOON_US * 2, "nobody is no second person"
    assert not the.use.is_anybody()
    the.use.invite(ANA)
    assert (the.use.since_us(person_id(ANA)) > NOON_US * 2, the.use.is_anybody()) == (True, False)
    the.later(S)
    the.person()
    the.later(S)
    let_in(the.use.with_password(ANA, RIGHT))
    assert (the.use.since_us(person_id(ANA)), the.use.is_anybody()) == (NOON_US + S, True)
    the.person(password="quite another one")
    assert the.use.since_us(person_id(ANA)) == NOON_US + 2 * S


def test_roles_are_kept_in_the_audit_log(sqlite_database: str) -> None:
    the = desk(sqlite_database)
    the.use.invite(OLGA, "Olga", roles=["auditor"], who="eve")
    (line,) = Reader(open_url(sqlite_database)).audit("", 2**62, 10)
    assert (line.who, line.what) == ("eve", f"{OLGA} invited to sign in")
    assert msgspec.json.decode(line.after) == {"name": "Olga", "roles": ["auditor"], "partner": ""}
