"""`talktime user`: the users of a tenant, one by one, from a file, and one who is forgotten."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from talktime.doors.cli.answer import print_json
from talktime.doors.cli.engine import Working, office, outside_parts, typist, working
from talktime.doors.cli.listing import facts, listed, our_screen, say
from talktime.doors.cli.problems import Unusable, WrongUse
from talktime.doors.cli.tenants import done

if TYPE_CHECKING:
    from talktime.accounts.people_import import Changed, Preview
    from talktime.accounts.tenant import Tenant
    from talktime.accounts.tenant_changes import Change
    from talktime.catalog.model import Catalogue
    from talktime.doors.cli.options import Asked

USERS: Final = "users"
MOST_SHOWN: Final = 1_000
"""Users that the answer to an import names."""

FAULTS_SHOWN: Final = 20


def list_users_command(asked: Asked) -> int:
    """Lists all users."""
    from talktime.accounts.tenant_tables import user_table

    with office(asked.database) as here:
        tenant = here.tenant(asked.tenant)
    users = sorted(tenant.users, key=lambda user: user.upn.lower())
    if asked.as_json:
        print_json({USERS: [user_table(user) for user in users]})
        return 0
    screen = our_screen()
    if not users:
        screen.say("no users yet; `talktime user import FILE.csv` brings them in")
        return 0
    rows = [
        (
            user.upn,
            user.location or tenant.country,
            " ".join(dict.fromkeys(licence.plan for licence in user.licences)),
            user.cost_centre,
        )
        for user in users
    ]
    listed(screen, ("user", "location", "licences", "cost centre"), rows, whole=("user",))
    return 0


def show_user_command(asked: Asked, name: str) -> int:
    """Shows one user as the tenant file has it."""
    from talktime.accounts.tenant_parts import user_part

    with office(asked.database) as here:
        table = user_part(here.tenant(asked.tenant), name)
    if table is None:
        raise Unusable(f"the tenant has no user {name!r}; `talktime user list` shows them")
    if asked.as_json:
        print_json(table)
    else:
        facts(our_screen(), [(key.replace("_", " "), _words(value)) for key, value in table.items()])
    return 0


def _words(value: object) -> str:
    """A value of a user's table: a licence that changes with its dates."""
    if isinstance(value, list):
        return ", ".join(_words(each) for each in value)
    if isinstance(value, Mapping):
        dates = " ".join(f"{key} {value[key]}" for key in ("from", "until") if key in value)
        return f"{value['plan']} ({dates})"
    return str(value)


# --- put and remove --------------------------------------------------------------------------------------


def put_users_command(asked: Asked, file: Path) -> int:
    """Adds the users of a file or replaces them, all in one change."""
    tables = _users_of(file)

    async def put(here: Working) -> str:
        tenant, catalogue = here.tenant_id(asked.tenant), here.catalogue
        what = f"users put: {len(tables):,}" if len(tables) > 1 else f"user {tables[0]['upn']} put"
        outcome = await here.expecting.edit(
            tenant, lambda now: _all_put(now, tables, catalogue), what, typist().who
        )
        done(outcome, str(file))
        return tenant

    tenant = working(asked.database, put)
    upns = [str(table["upn"]) for table in tables]
    if asked.as_json:
        print_json({"tenant": tenant, "put": upns})
    else:
        say(f"put: {', '.join(upns)}")
    return 0


def _users_of(file: Path) -> list[dict[str, Any]]:
    """The tables of a file: `[[users]]` of TOML; of JSON a user, a list, or an object with `users`."""
    from talktime.accounts.toml_table import WrittenFloat

    try:
        text = file.read_text("utf-8-sig")
    except OSError as problem:
        raise Unusable(f"{file}: {problem.strerror or problem}") from None
    except UnicodeDecodeError:
        raise Unusable(f"{file}: is not UTF-8") from None
    try:
        if file.suffix.lower() == ".json":
            found = msgspec.json.Decoder(float_hook=WrittenFloat).decode(text)
        else:
            found = tomllib.loads(text, parse_float=WrittenFloat)
    except (ValueError, RecursionError) as problem:
        raise Unusable(f"{file}: cannot be read: {problem}; write TOML, or JSON in a file .json") from None
    if isinstance(found, dict) and "upn" not in found:
        others = sorted(found.keys() - {USERS})
        if others:
            raise Unusable(f"{file}: holds {', '.join(others)}; only users are put here")
        found = found.get(USERS, [])
    tables = found if isinstance(found, list) else [found]
    for at, table in enumerate(tables, 1):
        if not isinstance(table, dict) or not isinstance(table.get("upn"), str) or not table["upn"].strip():
            raise Unusable(f"{file}: users[{at}]: upn is missing")
    if not tables:
        raise Unusable(f"{file}: holds no users; write [[users]] as in a tenant file")
    return tables


def _all_put(tenant: Tenant, tables: Sequence[Mapping[str, Any]], catalogue: Catalogue) -> Change:
    """All users put one after the other, as one change. Raises TenantFaults naming them by their places."""
    from talktime.accounts.tenant_changes import Change, user_put
    from talktime.accounts.tenant_file import TenantFaults

    after, faults, puts = tenant, [], []
    for at, table in enumerate(tables, 1):
        try:
            put = user_put(after, table["upn"].strip(), table, catalogue)
        except TenantFaults as error:
            faults += [fault.replace("users[1]", f"users[{at}]", 1) for fault in error.faults]
        else:
            puts.append(put)
            after = put.tenant
    if faults:
        raise TenantFaults(faults)
    documents = {(each.table, each.key): each for put in puts for each in put.documents}
    before, now = ("\n".join(getattr(put, side) for put in puts) for side in ("before", "after"))
    return Change(after, list(documents.values()), before, now)


def remove_user_command(asked: Asked, name: str) -> int:
    """Removes a user."""

    async def remove(here: Working) -> str:
        tenant = here.tenant_id(asked.tenant)
        done(await here.administration.remove_user(tenant, name, typist().who))
        return tenant

    tenant = working(asked.database, remove)
    if asked.as_json:
        print_json({"tenant": tenant, "removed": [name]})
    else:
        say(f"user {name} is removed; the charges stay")
    return 0


# --- import ----------------------------------------------------------------------------------------------


def import_users_command(asked: Asked, file: Path, *, dry_run: bool, remove_missing: bool) -> int:
    """Does what a CSV file says, or tells what it would do."""
    from talktime.accounts.people_import import PeopleImport
    from talktime.accounts.tenant_commands import Invalid

    try:
        content = file.read_bytes()
    except OSError as problem:
        raise Unusable(f"{file}: {problem.strerror or problem}") from None

    async def bring(here: Working) -> Preview:
        people = PeopleImport(here.engine, here.reader, here.catalogue)
        tenant = here.tenant_id(asked.tenant)
        if dry_run:
            found = await people.preview(tenant, content, remove_others=remove_missing)
        else:
            found = await people.apply(tenant, content, typist().who, remove_others=remove_missing)
        if isinstance(found, Invalid):
            raise Unusable(_bad_rows(file, found.faults))
        return done(found, str(file))

    preview = working(asked.database, bring)
    if asked.as_json:
        print_json(_preview_json(preview, dry_run=dry_run))
    else:
        _show_preview(preview, dry_run=dry_run)
    return 0


def _bad_rows(file: Path, faults: Sequence[str]) -> str:
    """Everything that is wrong, a line each; nothing was imported."""
    if len(faults) == 1:
        return f"{file}: {faults[0]}; nothing was imported"
    shown = list(faults[:FAULTS_SHOWN])
    if len(faults) > FAULTS_SHOWN:
        shown.append(f"and {len(faults) - FAULTS_SHOWN:,} more")
    return "\n  ".join((f"{file}: {len(faults):,} faults, nothing was imported:", *shown))


def _preview_json(preview: Preview, *, dry_run: bool) -> dict[str, Any]:
    """As the API answers an import."""
    users = [
        {**one._asdict(), "line": one.line or None, "fields": [field._asdict() for field in one.fields]}
        for one in preview.touched[:MOST_SHOWN]
    ]
    return {
        "dry_run": dry_run,
        "added": len(preview.added),
        "changed": len(preview.changed),
        "unchanged": len(preview.unchanged),
        "removed": len(preview.removed),
        "users": users,
    }


def _show_preview(preview: Preview, *, dry_run: bool) -> None:
    screen = our_screen()
    screen.say(f"{'dry run, nothing was changed: ' if dry_run else ''}{preview.sentence}")
    rows = [("+", upn, "") for upn in preview.added]
    rows += [("~", one.upn, _difference(one)) for one in preview.changed]
    rows += [("-", upn, "") for upn in preview.removed]
    if rows:
        listed(screen, ("", "user", "what changes"), rows[:MOST_SHOWN])
    if len(rows) > MOST_SHOWN:
        screen.say(f"and {len(rows) - MOST_SHOWN:,} more")


def _difference(one: Changed) -> str:
    """`location GB -> DE; licences MCOPSTN1 -> none`."""
    keys = [key for key in {**one.before, **one.after} if one.before.get(key) != one.after.get(key)]
    parts = []
    for key in keys:
        old, new = (_words(table[key]) if table.get(key) else "none" for table in (one.before, one.after))
        parts.append(f"{key.replace('_', ' ')} {old} -> {new}")
    return "; ".join(parts)


# --- erasure ---------------------------------------------------------------------------------------------


def erase_user_command(asked: Asked, name: str, *, yes: bool) -> int:
    """Erases a person; exports and files of usage go too, since they may name it."""
    from talktime.insight.exports import Exports, ExportSettings
    from talktime.insight.persons import person_of
    from talktime.insight.usage_files import UsageFiles
    from talktime.insight.what_ifs import WhatIfs
    from talktime.ledger.erasure import Erased, ErasureRefusedError, erase_person

    if not yes:
        raise WrongUse(f"nobody can undo an erasure; --yes says that {name!r} has to be forgotten")

    async def erase(here: Working) -> tuple[Erased, int]:
        tenant, secret = here.tenant(asked.tenant), outside_parts(here.settings).secret
        now_us = here.engine.clock_us()
        person = person_of(tenant, name, here.catalogue, secret, now_us)
        try:
            erased = erase_person(here.url, person, typist().who, now_us)
        except ErasureRefusedError as problem:
            raise Unusable(str(problem)) from None
        state = here.settings.state
        brought = ExportSettings(here.url, here.settings.catalogue, state / "what-if", secret)
        await WhatIfs(UsageFiles(here.engine, here.reader, brought)).forget(tenant.id)
        kept = ExportSettings(here.url, here.settings.catalogue, state / "exports", secret)
        return erased, await Exports(here.engine, here.reader, kept).forget(tenant.id)

    erased, exports = working(asked.database, erase)
    answer = {
        "charges": erased.charges,
        "sessions": erased.sessions,
        "other_rows": erased.rows,
        "exports": exports,
    }
    if asked.as_json:
        print_json(answer)
    else:
        counts = ", ".join(f"{count:,} {word.replace('_', ' ')}" for word, count in answer.items())
        say(f"the person is erased: {counts}; the ledger's figures are as before")
    return 0
