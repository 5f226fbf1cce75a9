"""`talktime licence`: who has which, a licence more or less, and which ones a feature needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from talktime.doors.cli.answer import print_json
from talktime.doors.cli.engine import Working, now_us, office, typist, working
from talktime.doors.cli.listing import listed, our_screen, print_answer, print_answers, say
from talktime.doors.cli.problems import Unusable
from talktime.doors.cli.tenants import done

if TYPE_CHECKING:
    from talktime.accounts.tenant import Tenant
    from talktime.accounts.tenant_changes import Change
    from talktime.catalog.model import Catalogue
    from talktime.doors.cli.options import Asked
    from talktime.ledger.commands import Refused


def list_licences_command(asked: Asked) -> int:
    """Lists the plans that are bought or assigned now."""
    from talktime.accounts.licences_held import licences_held

    with office(asked.database) as here:
        tenant, catalogue = here.tenant(asked.tenant), here.catalogue
    found = licences_held(tenant, catalogue, now_us())
    if asked.as_json:
        print_json({"licences": [one._asdict() for one in found]})
        return 0
    screen = our_screen()
    if not found:
        screen.say("no licences; the tenant file's [[licences]] and users name them")
        return 0
    headings = ("plan", "name", "bought", "assigned", "left")
    rows = [(one.plan, one.name, f"{one.purchased:,}", f"{one.assigned:,}", f"{one.left:,}") for one in found]
    listed(screen, headings, rows, right=headings[2:], whole=("plan",))
    return 0


def assign_command(asked: Asked, user: str, plan: str) -> int:
    """Gives a user a licence; one that it has already stays as it is."""
    return _change(asked, user, plan, assigned=True)


def take_command(asked: Asked, user: str, plan: str) -> int:
    """Takes a licence away."""
    return _change(asked, user, plan, assigned=False)


def _change(asked: Asked, user: str, plan: str, *, assigned: bool) -> int:
    from talktime.accounts.tenant_parts import LICENCES, user_part

    async def change(here: Working) -> dict[str, Any]:
        tenant, catalogue = here.tenant_id(asked.tenant), here.catalogue
        what = f"licence {plan} {'assigned to' if assigned else 'taken from'} {user}"
        outcome = await here.expecting.edit(
            tenant,
            lambda now: _licences_of(now, user, plan, catalogue, assigned=assigned),
            what,
            typist().who,
        )
        done(outcome, alone="users")
        after = user_part(here.tenant(tenant), user)
        assert after is not None, "the user was changed just now"
        return after

    table = working(asked.database, change)
    if asked.as_json:
        print_json(table)
        return 0
    held = [one if isinstance(one, str) else one["plan"] for one in table.get(LICENCES, [])]
    say(f"{table['upn']} has {', '.join(held) or 'no licence'} now")
    return 0


def _licences_of(
    tenant: Tenant, user: str, plan: str, catalogue: Catalogue, *, assigned: bool
) -> Change | Refused:
    """The user with one licence more or less, from what it has under the lock."""
    from talktime.accounts.tenant_changes import UNKNOWN_USER
    from talktime.accounts.tenant_parts import LICENCES, user_part, user_part_put
    from talktime.ledger.commands import Refused

    table = user_part(tenant, user)
    if table is None:
        return Refused(UNKNOWN_USER, f"the tenant has no user {user!r}; `talktime user list` shows them")
    held = table.get(LICENCES, [])
    has = [one for one in held if (one if isinstance(one, str) else one["plan"]) == plan]
    if not assigned and not has:
        return Refused("unknown_licence", f"{table['upn']} has no licence {plan}")
    others = [one for one in held if one not in has]
    wanted = [*others, plan] if assigned and plan not in has else held if assigned else others
    return user_part_put(tenant, user, LICENCES, wanted, catalogue)


# --- what a feature needs --------------------------------------------------------------------------------


def needs_command(feature: str, *, as_json: bool) -> int:
    """Says which licences a feature needs."""
    from talktime.accounts.needs import UnknownFeatureError, needs
    from talktime.doors.http.management.shown_people import feature_shown

    try:
        found = needs(feature, _catalogue())
    except UnknownFeatureError as problem:
        raise Unusable(str(problem)) from None
    if as_json:
        print_answer(feature_shown(found))
        return 0
    screen = our_screen()
    for way in found.sentences:
        screen.say(way)
    return 0


def features_command(*, as_json: bool) -> int:
    """Lists the features that the catalogue knows."""
    from talktime.accounts.needs import needs
    from talktime.catalog.side import load_features
    from talktime.doors.http.management.shown_people import feature_shown

    if as_json:
        catalogue = _catalogue()
        found = [feature_shown(needs(feature, catalogue)) for feature in load_features().features]
        print_answers("features", found)
        return 0
    screen = our_screen()
    rows = [(feature.id, feature.name) for feature in load_features().features.values()]
    listed(screen, ("feature", "name"), rows, whole=("feature",))
    screen.say("`talktime licence needs FEATURE` says which licences one needs", "dim")
    return 0


def _catalogue() -> Catalogue:
    from talktime.catalog.load import load_catalogue
    from talktime.settings import read_settings

    return load_catalogue(read_settings().catalogue)
