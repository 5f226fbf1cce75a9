"""Which gateways an installation has: Stripe if its key is set, the sandbox otherwise or if asked for.

The first is the one that a new card is saved with; the others stay for cards and payments of before.
"""

import os
import secrets
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from talktime.funding.gateway import Gateway
from talktime.funding.sandbox import SandboxGateway

SANDBOX_FILE: Final = "sandbox.db"
SANDBOX_KEY: Final = "sandbox.key"


@dataclass(frozen=True, slots=True)
class GatewaySettings:
    """What the environment says of gateways.

    The sandbox keeps its books in `state_folder`; `sandbox_secret` signs its messages, "" for one that is
    made once and kept beside them. `base_url` is the address of the admin centre, as people's browsers reach
    it: links to confirm a payment lead there and back. `stripe_api_base` is another address, for tests.
    """

    state_folder: Path
    base_url: str = ""
    sandbox: bool = False
    sandbox_secret: str = ""
    stripe_secret_key: str = ""
    stripe_webhook_secret: str = ""
    stripe_api_base: str = ""


def gateways_of(settings: GatewaySettings, now_us: Callable[[], int] | None = None) -> Mapping[str, Gateway]:
    """The gateways by name, the one for new cards first. `now_us` is the sandbox's clock.

    Raises what `check_gateways` raises.
    """
    check_gateways(settings)
    gateways: dict[str, Gateway] = {}
    if settings.stripe_secret_key:
        stripe = _stripe(settings)
        gateways[stripe.name] = stripe
    if settings.sandbox or not gateways:
        sandbox = _sandbox(settings, now_us or _now_us)
        gateways[sandbox.name] = sandbox
    return gateways


def check_gateways(settings: GatewaySettings) -> None:
    """Raises ValueError with a sentence where Stripe is set up by halves. Makes and opens nothing."""
    if not settings.stripe_secret_key:
        if settings.stripe_webhook_secret:
            raise ValueError(
                "TALKTIME_STRIPE_WEBHOOK_SECRET is set and TALKTIME_STRIPE_SECRET_KEY is not; set both."
            )
        return
    if not settings.stripe_webhook_secret:
        raise ValueError(
            "TALKTIME_STRIPE_WEBHOOK_SECRET is not set; without it no message of Stripe can be trusted."
        )
    if not settings.base_url:
        raise ValueError("TALKTIME_BASE_URL is not set; Stripe leads people back to it after they confirmed.")


def _stripe(settings: GatewaySettings) -> Gateway:
    from talktime.funding.stripe_gateway import StripeGateway

    return StripeGateway(
        settings.stripe_secret_key,
        settings.stripe_webhook_secret,
        f"{settings.base_url.rstrip('/')}/payments/confirmed",
        settings.stripe_api_base,
    )


def _sandbox(settings: GatewaySettings, now_us: Callable[[], int]) -> Gateway:
    return SandboxGateway(
        settings.state_folder / SANDBOX_FILE,
        settings.sandbox_secret or kept_secret(settings.state_folder / SANDBOX_KEY),
        now_us,
        f"{settings.base_url.rstrip('/')}/sandbox/actions",
    )


def kept_secret(path: Path) -> str:
    """The secret in a file that only we can read, made by whoever comes first; all processes see the same."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=path.parent, encoding="ascii") as made:
            made.write(secrets.token_urlsafe(32))
            made.flush()
            try:
                os.link(made.name, path)  # whole or not at all, and never over another's
            except FileExistsError:
                return path.read_text("ascii")
    return path.read_text("ascii")


def _now_us() -> int:
    return time.time_ns() // 1000  # nanoseconds, rounded down
