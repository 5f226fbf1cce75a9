"""Who is signed in: by a password or an OpenID provider, for how long, and by whose invitation.

An answer that lets nobody in says nothing about who exists: an unknown name costs the same time and writes,
and gets the same sentence, as a wrong password and as one that is tried too often.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from hashlib import sha256
from secrets import token_urlsafe
from threading import Lock
from typing import Final, NamedTuple

import msgspec

from talktime.accounts.known_browsers import KnownBrowsers
from talktime.accounts.passwords import Cost, Passwords, TooManyPasswords, fault_of
from talktime.accounts.rights import INSTALLATION
from talktime.accounts.tenant import Administrator
from talktime.accounts.tenants_of_person import Claims, SignedIn, TenantOf, TenantsOfPerson, named_roles
from talktime.ledger.api_keys import Principal
from talktime.ledger.audit import BY_ITSELF
from talktime.ledger.commands import Refused
from talktime.ledger.database import DatabaseUrl
from talktime.ledger.sign_ins import Line, SignIns, StoredPerson, StoredSession

__all__ = ["Invitation", "Limits", "NotSignedIn", "SignedIn", "SigningIn", "TenantOf"]

PASSWORD: Final = "password"
OPENID: Final = "openid"

_SECOND: Final = 1_000_000
_MINUTE: Final = 60 * _SECOND
_HOUR: Final = 60 * _MINUTE
_UPN: Final = re.compile(r"[^\x00-\x20\x7f/\\?#]{1,120}@[^\x00-\x20\x7f/\\?#@]{1,79}")


@dataclass(frozen=True, slots=True)
class Limits:
    """Times in us. A session ends `idle_us` after its last use, which is written down once in `seen_us`.

    Another process knows `cache_us` later that a session ended. `tries` wrong passwords, then a wait that
    doubles from `wait_us` to `longest_wait_us`. Ended sessions are deleted after `keep_us`.
    """

    idle_us: int = 30 * _MINUTE
    whole_us: int = 12 * _HOUR
    seen_us: int = _MINUTE
    cache_us: int = 2 * _SECOND
    invitation_us: int = 72 * _HOUR
    tries: int = 5
    wait_us: int = _MINUTE
    longest_wait_us: int = _HOUR
    keep_us: int = 30 * 24 * _HOUR
    cost: Cost = field(default_factory=Cost)

    def wait_after(self, failures: int) -> int:
        """How long no other password is taken after this many in a row."""
        if failures < self.tries:
            return 0
        return min(self.wait_us << min(failures - self.tries, 30), self.longest_wait_us)


class NotSignedIn(NamedTuple):
    """Why not: `code` (wrong, disabled, expired, unfit, busy) for programs, `sentence` for people."""

    code: str
    sentence: str


class Invitation(NamedTuple):
    """Whom a link invites, and until when; `is_new`: to choose the first password, not another one."""

    upn: str
    name: str
    ends_us: int
    is_new: bool


WRONG: Final = NotSignedIn(
    "wrong",
    "the name or the password is wrong; after several wrong ones, wait: a minute first, later up to an hour",
)
DISABLED: Final = NotSignedIn("disabled", "you may not sign in any more; ask who runs this installation")
EXPIRED: Final = NotSignedIn(
    "expired", "this link was used before or is too old; ask for another one where you got it"
)
BUSY: Final = NotSignedIn("busy", "many people sign in just now; try again in a moment")


class SigningIn:
    """The use cases. The methods block: call them in a thread. They raise StoreAway.

    `clock_us` is the time by the engine's clock.
    """

    def __init__(self, url: DatabaseUrl, clock_us: Callable[[], int], limits: Limits = Limits()) -> None:
        self._store = SignIns(url)
        self._clock_us = clock_us
        self.limits = limits
        self._passwords = Passwords(limits.cost)
        self._known = KnownBrowsers(limits.tries)
        self._tenants = TenantsOfPerson(url)
        self._lately: dict[bytes, tuple[int, StoredSession, StoredPerson]] = {}
        self._lock = Lock()

    # --- signing in ------------------------------------------------------------------------------------

    def with_password(self, upn: str, password: str, word: str = "") -> tuple[SignedIn, str] | NotSignedIn:
        """(who, the secret for the cookie). The try is counted before the password is looked at.

        `word`: the browser's `browser_word`; who has signed in there does not wait for the guesses of others.
        """
        key, limits = key_of(upn), self.limits
        is_known = bool(word) and self._known.knows(self._store.person(key), word)
        person = self._store.take_try(key, self._clock_us(), limits.wait_after, waits=not is_known)
        stored = "" if person is None else person.hash
        try:
            fits = self._passwords.fits(stored, password)
            if is_known:
                self._known.tried(key, fits=fits)
            if person is None or not fits:
                return WRONG
            if person.disabled_us:
                return DISABLED
            new_hash = self._passwords.hashed(password) if self._passwords.is_stale(stored) else ""
        except TooManyPasswords:
            return BUSY
        return self._begin(person, PASSWORD, new_hash=new_hash)

    def browser_word(self, upn: str) -> str:
        """What a browser keeps in which this person has signed in with its password; ends with that."""
        return self._known.word(self._store.person(key_of(upn)))

    def with_openid(
        self, upn: str, name: str, roles: frozenset[str], tenants: Mapping[str, frozenset[str]]
    ) -> tuple[SignedIn, str] | NotSignedIn:
        """The same for whom an OpenID provider has named; its claims hold for this session.

        `roles`: for the installation; `tenants`: roles in tenants. Raises ValueError for a role that the
        catalogue does not have, or not for this, and for a name that is none.
        """
        if not _UPN.fullmatch(key := key_of(upn)) or _is_look_alike(upn):
            raise ValueError(f"{upn!r} is no name to sign in with; it looks like ana@contoso.example")
        if wrong := roles - named_roles("operator"):
            raise ValueError(f"the role {min(wrong)!r} is none for the whole installation")
        for tenant, given in tenants.items():
            if wrong := given - named_roles("tenant"):
                raise ValueError(f"the role {min(wrong)!r} is none in a tenant ({tenant})")
        person = self._store.person(key) or StoredPerson(key, name)
        if person.disabled_us:
            return DISABLED
        claims = tuple((tenant, frozenset(given)) for tenant, given in sorted(tenants.items()))
        return self._begin(person, OPENID, said=(name, frozenset(roles), claims))

    def _begin(
        self,
        person: StoredPerson,
        how: str,
        *,
        said: tuple[str, frozenset[str], Claims] = ("", frozenset(), ()),
        new_hash: str = "",
    ) -> tuple[SignedIn, str] | NotSignedIn:
        session, secret = self._session(person.upn, how, said)
        signed_in = _signed_in(session, person)
        lines = [Line(person.upn, f"signed in with {how}")] if signed_in.roles else []
        self._store.forget_before(session.begun_us - self.limits.keep_us)
        return (signed_in, secret) if self._store.begin(session, lines, new_hash) else DISABLED

    def _session(
        self, upn: str, how: str, said: tuple[str, frozenset[str], Claims] = ("", frozenset(), ())
    ) -> tuple[StoredSession, str]:
        """A session with a secret that nobody has seen before."""
        secret, now_us = token_urlsafe(32), self._clock_us()
        ends_us = now_us + self.limits.whole_us
        return StoredSession(hash_of(secret), upn, how, now_us, ends_us, now_us, *said), secret

    # --- sessions --------------------------------------------------------------------------------------

    def of(self, secret: str, *, touch: bool = True) -> SignedIn | None:
        """Who holds this secret; None once the session has ended.

        `touch` False: the person did nothing, a page only looks again; that keeps no session alive.
        """
        key, now_us = hash_of(secret), self._clock_us()
        found = self._found(key, now_us)
        if found is None:
            return None
        session, person = found
        if touch and now_us - session.seen_us >= self.limits.seen_us:
            self._store.seen(key, now_us)
            self._keep(key, now_us, replace(session, seen_us=now_us), person)
        return _signed_in(session, person)

    def _found(self, key: bytes, now_us: int) -> tuple[StoredSession, StoredPerson] | None:
        with self._lock:
            known = self._lately.get(key)
        if known is None or not 0 <= now_us - known[0] < self.limits.cache_us:
            found = self._store.session(key)
            if found is None or not self._is_open(*found, now_us):
                self._forget(key)
                return None
            self._keep(key, now_us, *found)
            return found
        return known[1:] if self._is_open(*known[1:], now_us) else None

    def _is_open(self, session: StoredSession, person: StoredPerson, now_us: int) -> bool:
        is_fresh = now_us < min(session.ends_us, session.seen_us + self.limits.idle_us)
        return is_fresh and not session.ended_us and not person.disabled_us

    def _keep(self, key: bytes, now_us: int, session: StoredSession, person: StoredPerson) -> None:
        oldest_us = now_us - self.limits.cache_us
        with self._lock:
            self._lately = {k: known for k, known in self._lately.items() if known[0] > oldest_us}
            self._lately[key] = (now_us, session, person)

    def _forget(self, key: bytes) -> None:
        with self._lock:
            self._lately.pop(key, None)

    def end(self, secret: str) -> None:
        """Signs out: here at once, in other processes within seconds."""
        key = hash_of(secret)
        self._store.end(key, self._clock_us())
        self._forget(key)

    def end_all(self, upn: str, who: str = "") -> int:
        """Ends all sessions of a person; how many there were."""
        key = key_of(upn)
        ended = self._store.end_all(key, self._clock_us(), who or key)
        self._forget_all(key)
        return ended

    def _forget_all(self, upn: str) -> None:
        with self._lock:
            self._lately = {k: known for k, known in self._lately.items() if known[1].upn != upn}

    # --- invitations -----------------------------------------------------------------------------------

    def invite(
        self,
        upn: str,
        name: str = "",
        *,
        roles: Iterable[str] | None = None,
        partner: str = "",
        who: str = "",
    ) -> str | Refused:
        """The provider's: a token for a link, good once; also for whoever forgot the password.

        `roles` None leaves a known person's roles and partner. With roles, a person whom a tenant vouched for
        is the provider's from now on, and the password that it had ends. Refused: `invalid`.
        """
        if roles is None and not partner:
            return self._invite(upn, partial(self._again, key_of(upn), name), who)
        held = frozenset(roles or ()) or (named_roles("partner") if partner else frozenset())
        kind = "partner" if partner else "operator"
        if wrong := held - named_roles(kind):
            whose = "for a partner's people" if partner else "for the whole installation"
            return Refused("invalid", f"the role {min(wrong)!r} is none {whose}")
        made = partial(self._made, StoredPerson(key_of(upn), name, roles=held, partner=partner))
        given = {"name": name, "roles": sorted(held), "partner": partner}
        return self._invite(upn, made, who, after=msgspec.json.encode(given).decode())

    def invite_administrator(
        self, tenant: str, upn: str, who: str = "", *, by_provider: bool = False
    ) -> str | Refused:
        """The same by those who administer a tenant, for one of its administrators who signs in for it alone.

        Whom somebody else vouches for, the provider alone invites again: a link in the hands of one tenant
        must not open another. `by_provider`: it is the provider who invites; whom another tenant vouched for
        is the provider's from now on, and the password that it had ends.
        Refused: `unknown_tenant`, `unknown_administrator`, `exists`.
        """
        key = key_of(upn)
        found = self._tenants.administrator(tenant, key)
        if isinstance(found, Refused):
            return found
        decide = self._provided if by_provider else self._own
        return self._invite(upn, partial(decide, found, key, tenant), who, tenant=tenant)

    def _invite(
        self,
        upn: str,
        decide: Callable[[StoredPerson | None], StoredPerson | Refused],
        who: str,
        *,
        tenant: str = "",
        after: str = "",
    ) -> str | Refused:
        key, now_us, token = key_of(upn), self._clock_us(), token_urlsafe(32)
        if not _UPN.fullmatch(key):
            return Refused("invalid", f"{upn!r} is no name to sign in with; write ana@contoso.example")
        lines = [Line(who or BY_ITSELF, f"{key} invited to sign in", after, tenant)]
        span_us = (now_us, now_us + self.limits.invitation_us)
        stored = self._store.invite(key, decide, hash_of(token), span_us, lines)
        self._forget_all(key)
        return stored if isinstance(stored, Refused) else token

    def _again(self, key: str, name: str, before: StoredPerson | None) -> StoredPerson:
        if before is None:
            return StoredPerson(key, name, created_us=self._clock_us())
        return replace(before, name=name or before.name, disabled_us=0)

    def _made(self, wanted: StoredPerson, before: StoredPerson | None) -> StoredPerson:
        if before is None:
            return replace(wanted, created_us=self._clock_us())
        kept = self._again(wanted.upn, wanted.name, before)
        kept = _taken_over(kept) if before.home else kept
        return replace(kept, roles=wanted.roles, partner=wanted.partner)

    def _provided(
        self, found: Administrator, key: str, tenant: str, before: StoredPerson | None
    ) -> StoredPerson:
        kept = self._again(key, found.name, before)
        return _taken_over(kept) if kept.home not in ("", tenant) else kept

    def _own(
        self, found: Administrator, key: str, tenant: str, before: StoredPerson | None
    ) -> StoredPerson | Refused:
        if before is None:
            return StoredPerson(key, found.name, home=tenant, created_us=self._clock_us())
        if before.home != tenant or before.disabled_us:
            what = f"there is an account for {key} already; the provider alone makes a new link"
            return Refused("exists", what)
        return replace(before, name=found.name or before.name)

    def invitation(self, token: str) -> Invitation | None:
        """Whom a link invites; None for one that is good no more."""
        found = self._store.invitation(hash_of(token), self._clock_us())
        if found is None:
            return None
        person, ends_us = found
        return Invitation(person.upn, person.name, ends_us, not person.hash)

    def accept(self, token: str, password: str) -> tuple[SignedIn, str] | NotSignedIn:
        """Chooses the password, ends all older sessions and signs in; the link is used up."""
        key = hash_of(token)
        found = self._store.invitation(key, self._clock_us())
        if found is None:
            return EXPIRED
        person, _ = found
        if fault := fault_of(password, person.upn):
            return NotSignedIn("unfit", fault)
        try:
            hashed = self._passwords.hashed(password)
        except TooManyPasswords:
            return BUSY
        session, secret = self._session(person.upn, PASSWORD)
        line = Line(person.upn, f"{person.upn} chose a password", "", person.home)
        if not self._store.accept(key, hashed, session, line):
            return EXPIRED
        self._forget_all(person.upn)
        return _signed_in(session, person), secret

    # --- people ----------------------------------------------------------------------------------------

    def disable(self, upn: str, who: str) -> bool:
        """Shuts a person out until it is invited again; False where there is none."""
        key = key_of(upn)
        is_known = self._store.disable(key, self._clock_us(), who)
        self._forget_all(key)
        return is_known

    def people(self, after: str = "", limit: int = 100) -> list[StoredPerson]:
        """Who can sign in, or could, in order of the names."""
        return self._store.people(key_of(after), limit)

    def person(self, upn: str) -> StoredPerson | None:
        """A person who can sign in, or could; None for nobody."""
        return self._store.person(key_of(upn))

    def is_anybody(self) -> bool:
        """Whether anybody can sign in yet."""
        return self._store.is_anybody()

    def since_us(self, person_id: str) -> int:
        """Since when somebody can act as this person (`api_keys.person_id`); never for nobody."""
        return self._store.since_us(person_id)

    # --- what a person may open ------------------------------------------------------------------------

    def tenants_of(self, signed_in: SignedIn, search: str = "", limit: int = 50) -> list[TenantOf]:
        """Tenants that the person may open, by id; `search`: a part of id or name, case aside."""
        return self._tenants.of(signed_in, search, limit)

    def tenants_for_key(self, key: Principal, search: str = "", limit: int = 50) -> list[TenantOf]:
        """The same for who presents a key."""
        return self._tenants.of_key(key, search, limit)

    def principal_for(self, signed_in: SignedIn, tenant: str = INSTALLATION) -> Principal:
        """What the person is to the API in a tenant, or in the INSTALLATION; read anew each time."""
        return self._tenants.principal(signed_in, tenant)


def _taken_over(person: StoredPerson) -> StoredPerson:
    """The person as the provider's: the password that somebody else's invitation let choose ends."""
    return replace(person, home="", hash="", since_us=0)


def _signed_in(session: StoredSession, person: StoredPerson) -> SignedIn:
    is_openid = session.how == OPENID
    return SignedIn(
        session=session.key.hex()[:16],
        upn=person.upn,
        name=(session.name if is_openid else person.name) or person.name,
        roles=session.roles if is_openid and not person.partner else person.roles,
        partner=person.partner,
        how=session.how,
        begun_us=session.begun_us,
        ends_us=session.ends_us,
        home="" if is_openid else person.home,
        claims=session.tenants,
    )


def _is_look_alike(upn: str) -> bool:
    """Whether a letter beyond ASCII becomes one of it where case is put aside: the Kelvin sign, a long s.

    A provider may hold such a name for another person than the one whose name it would become here.
    """
    return any(not letter.isascii() and letter.casefold().isascii() for letter in upn)


def key_of(upn: str) -> str:
    """The name that a person is known by: without spaces around it, in lower case."""
    return upn.strip().casefold()


def hash_of(secret: str) -> bytes:
    """What is stored of a secret or a token: 32 bytes that nobody can turn back."""
    return sha256(secret.encode()).digest()
