"""The organisations of the stories, and the few prices by which their calls are charged."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

DECK: Final = """\
# name = story
# currency = EUR
prefix,name,type,country,direction,number_type,price_per_minute,connection_fee,first_seconds,step_seconds
353,Ireland,mixed,IE,outbound,,0.05,0,60,60
44,United Kingdom,mixed,GB,outbound,,0.08,0,60,60
64,New Zealand,mixed,NZ,outbound,,0.30,0,60,60
20,Egypt,mixed,EG,outbound,,1.25,0,60,60
353,Ireland - toll-free,toll-free,IE,inbound,toll_free,0.125,0,60,60
"""
"""Every started minute is a whole one. Egypt lies beyond Zone A, the others in it."""

ROLES: Final[Mapping[str, tuple[str, ...]]] = {
    "application": ("application_administrator",),
    "authentication": ("authentication_administrator",),
    "joined.device": ("azure_ad_joined_device_local_administrator",),
    "billing": ("billing_administrator",),
    "cloud.device": ("cloud_device_administrator",),
    "company": ("company_administrator",),
    "device": ("device_administrator",),
    "global": ("global_administrator",),
    "helpdesk": ("helpdesk_administrator",),
    "license": ("license_administrator",),
    "lync": ("lync_service_administrator",),
    "privileged": ("privileged_authentication_administrator",),
    "service.support": ("service_support_administrator",),
    "skype": ("skype_for_business_administrator",),
    "teams": ("teams_administrator",),
    "communications": ("teams_communications_administrator",),
    "engineer": ("teams_communications_support_engineer",),
    "specialist": ("teams_communications_support_specialist",),
    "user.account": ("user_account_administrator",),
    "user": ("user_administrator",),
    "ola": ("billing_administrator", "teams_administrator", "user_administrator"),
}
"""The twenty roles that are told, one person each; ola holds three of them and is told once."""


def addresses(*people: str) -> frozenset[str]:
    """`ana` -> her address at Contoso."""
    return frozenset(f"{person}@contoso.example" for person in people)


EVERYBODY: Final = addresses(*ROLES)
"""Who hears of payments and of a balance of 0."""

POOL_PEOPLE: Final = EVERYBODY - addresses("device", "skype", "lync")
"""Who hears of pools: without Device and Skype for Business, of which Lync Service is another name."""

MONEY_PEOPLE: Final = addresses("billing", "global", "company", "teams", "ola")
"""Who hears of all else: Billing, Global (Company is another name of it) and Teams."""

BRIDGE, ATTENDANT, QUEUE, TOLL = "+3531800100001", "+3531800100002", "+3531800100003", "+35315550100"
"""Toll-free numbers of conferencing, an auto attendant and a call queue; a toll number of conferencing."""

DUBLIN_DESK, LONDON, WELLINGTON, CAIRO = "+35315550111", "+442079460000", "+6444950000", "+20227921234"
MOBILE: Final = "+353861234567"

ANA, BEN, CARA, DAN = (f"{name}@contoso.example" for name in ("ana", "ben", "cara", "dan"))
"""ana organises meetings, ben has 120 domestic minutes, cara pays as she goes, dan has 600 minutes abroad."""


def _user(upn: str, *licences: str) -> dict[str, Any]:
    return {"upn": upn, "location": "IE", "licences": list(licences)}


def _number(number: str, kind: str, service: str) -> dict[str, Any]:
    return {"number": number, "kind": kind, "service": service}


CONTOSO: Final[dict[str, Any]] = {
    "tenant": {
        "id": "contoso",
        "name": "Contoso Ltd",
        "country": "IE",
        "currency": "EUR",
        "time_zone": "Europe/Dublin",
        "default_billing_account": "direct",
    },
    "billing_accounts": [
        {
            "id": "direct",
            "agreement": "MOSA",
            "country": "IE",
            "name": "Contoso Ltd",
            "address": ["2 Sample Quay", "Dublin"],
            "purchase_order": "PO-7",
        }
    ],
    "licences": [
        {"plan": plan, "purchased": 1, "billing_account": "direct"}
        for plan in ("MCOMEETADD", "MCOPSTN5", "MCOPSTN2", "MCOPSTNPP", "MCOPSTNC")
    ],
    "users": [
        _user(ANA, "MCOMEETADD", "MCOPSTNC"),
        _user(BEN, "MCOPSTN5", "MCOPSTNC"),
        _user(CARA, "MCOPSTNPP"),
        _user(DAN, "MCOPSTN2", "MCOPSTNC"),
    ],
    "service_numbers": [
        _number(BRIDGE, "toll_free", "conferencing_bridge"),
        _number(ATTENDANT, "toll_free", "auto_attendant"),
        _number(QUEUE, "toll_free", "call_queue"),
        _number(TOLL, "toll", "conferencing_bridge"),
    ],
    "administrators": [
        {"upn": f"{name}@contoso.example", "roles": list(roles)} for name, roles in ROLES.items()
    ],
}
"""An organisation in Ireland under MOSA, with one licence of each plan and nothing in its purse."""


def organisation(
    name: str, accounts: Mapping[str, tuple[str, str]], *, billed_to: str, default: str, credits: bool = True
) -> dict[str, Any]:
    """A small one in Ireland. `accounts`: id -> (agreement, country); its plans are billed to one of them."""
    licences = ("MCOPSTN5", "MCOPSTNC") if credits else ("MCOPSTN5",)
    return {
        "tenant": {
            "id": name,
            "country": "IE",
            "currency": "EUR",
            "default_billing_account": default,
        },
        "billing_accounts": [
            {"id": key, "agreement": agreement, "country": country}
            for key, (agreement, country) in accounts.items()
        ],
        "licences": [{"plan": plan, "purchased": 1, "billing_account": billed_to} for plan in licences],
        "users": [_user(f"una@{name}.example", *licences)],
        "service_numbers": [_number("+3531800200001", "toll_free", "call_queue")] if credits else [],
        "administrators": [{"upn": f"olga@{name}.example", "roles": ["global_administrator"]}],
    }
