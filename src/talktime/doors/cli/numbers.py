"""`talktime number`: the service numbers of a tenant."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from talktime.doors.cli.answer import print_json
from talktime.doors.cli.engine import Working, office, typist, working
from talktime.doors.cli.listing import listed, our_screen, say
from talktime.doors.cli.tenants import done

if TYPE_CHECKING:
    from talktime.doors.cli.options import Asked


def list_numbers_command(asked: Asked) -> int:
    """Lists the service numbers."""
    from talktime.accounts.tenant_tables import service_table

    with office(asked.database) as here:
        tenant = here.tenant(asked.tenant)
    numbers = sorted(tenant.service_numbers, key=lambda service: service.number)
    if asked.as_json:
        print_json({"service_numbers": [service_table(service) for service in numbers]})
        return 0
    screen = our_screen()
    if not numbers:
        screen.say("no service numbers; `talktime number put NUMBER --kind toll_free` adds one")
        return 0
    rows = [
        (
            service.number,
            service.kind,
            service.service,
            " ".join(licence.plan for licence in service.licences),
            service.cost_centre,
        )
        for service in numbers
    ]
    listed(screen, ("number", "kind", "service", "licences", "cost centre"), rows, whole=("number",))
    return 0


def put_number_command(asked: Asked, number: str, told: Mapping[str, Any]) -> int:
    """Adds a service number or replaces it; `told`: the rest of its table, empty for what is not said."""
    table = {"number": number, **{key: value for key, value in told.items() if value}}

    async def put(here: Working) -> dict[str, Any]:
        from talktime.accounts.tenant_parts import service_part

        tenant = here.tenant_id(asked.tenant)
        outcome = await here.administration.put_service_number(tenant, _read(number), table, typist().who)
        done(outcome, alone="service_numbers")
        after = service_part(here.tenant(tenant), number)
        assert after is not None, "the number was put just now"
        return after

    after = working(asked.database, put)
    if asked.as_json:
        print_json(after)
    else:
        say(f"service number {after['number']} ({after['kind']}) is put")
    return 0


def remove_number_command(asked: Asked, number: str) -> int:
    """Removes a service number."""

    async def remove(here: Working) -> str:
        tenant = here.tenant_id(asked.tenant)
        done(await here.administration.remove_service_number(tenant, _read(number), typist().who))
        return tenant

    tenant = working(asked.database, remove)
    if asked.as_json:
        print_json({"tenant": tenant, "removed": [_read(number)]})
    else:
        say(f"service number {_read(number)} is removed")
    return 0


def _read(number: str) -> str:
    """A number as it is stored."""
    from talktime.core.numbers import parse_number

    return parse_number(number, None).text
