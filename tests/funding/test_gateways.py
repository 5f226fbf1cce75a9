"""Which gateways an installation gets from its settings."""

import stat
from collections.abc import Mapping
from pathlib import Path

import pytest

from talktime.funding.gateway import Gateway
from talktime.funding.gateways import GatewaySettings, gateways_of
from tests.funding.gateway_rigs import NOON_US, order
from tests.funding.test_gateway_contract import run


def closed(gateways: Mapping[str, Gateway]) -> list[str]:
    """The names, in order; the gateways are closed."""
    for gateway in gateways.values():
        run(gateway.close())
    return [gateway.name for gateway in gateways.values()]


STRIPE = {"stripe_secret_key": "sk", "stripe_webhook_secret": "whsec", "base_url": "https://x.example"}


@pytest.mark.parametrize(
    ("settings", "names"),
    [
        ({}, ["sandbox"]),
        ({"sandbox": True}, ["sandbox"]),
        (STRIPE, ["stripe"]),
        ({**STRIPE, "sandbox": True}, ["stripe", "sandbox"]),
    ],
)
def test_which_gateways_there_are(tmp_path: Path, settings: dict[str, object], names: list[str]) -> None:
    gateways = gateways_of(GatewaySettings(tmp_path, **settings))  # type: ignore[arg-type]
    assert list(gateways) == names == closed(gateways)
    assert (tmp_path / "sandbox.db").exists() == ("sandbox" in names)


@pytest.mark.parametrize(
    ("left_out", "variable"),
    [
        ("stripe_secret_key", "TALKTIME_STRIPE_SECRET_KEY"),
        ("stripe_webhook_secret", "TALKTIME_STRIPE_WEBHOOK_SECRET"),
        ("base_url", "TALKTIME_BASE_URL"),
    ],
)
def test_stripe_by_halves_is_refused(tmp_path: Path, left_out: str, variable: str) -> None:
    settings = {name: value for name, value in STRIPE.items() if name != left_out}
    with pytest.raises(ValueError, match=variable):
        gateways_of(GatewaySettings(tmp_path, **settings))  # type: ignore[arg-type]


def test_every_process_signs_with_the_same_secret_that_nobody_else_reads(tmp_path: Path) -> None:
    here, there = (gateways_of(GatewaySettings(tmp_path / "new"), lambda: NOON_US) for _ in range(2))
    run(here["sandbox"].pay(order()))
    [message] = here["sandbox"].pull_events(NOON_US)  # type: ignore[attr-defined]
    assert there["sandbox"].read_event(message.body, message.headers) is not None
    assert stat.S_IMODE((tmp_path / "new" / "sandbox.key").stat().st_mode) == 0o600
    assert closed(here) == closed(there)


def test_links_lead_to_the_admin_centre(tmp_path: Path) -> None:
    gateways = gateways_of(GatewaySettings(tmp_path, base_url="https://x.example/"))
    result = run(gateways["sandbox"].pay(order(method_token="4000002760003184")))
    assert result.action_url == f"https://x.example/sandbox/actions/{result.gateway_payment}"
    closed(gateways)
