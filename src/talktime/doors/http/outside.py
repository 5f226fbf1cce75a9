"""The world outside as the environment describes it: gateways, the mail server, who sells, who signs in.

Made once when a process starts; what is wrong is said in one sentence before anything is served.
"""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import unquote, urlsplit

import msgspec

from talktime.doors.admin.openid_file import read_openid
from talktime.funding.gateways import GatewaySettings, check_gateways, gateways_of, kept_secret
from talktime.funding.taxes import Seller
from talktime.notices.mail import PLAIN, STARTTLS, TLS, MailSettings
from talktime.notices.worker import NoticeSettings

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from talktime.doors.admin.openid_file import OpenIdFile
    from talktime.funding.gateway import Gateway
    from talktime.settings import Outside, Settings

PSEUDONYM_KEY: Final = "pseudonyms.key"
_SCHEMES: Final = {"smtp": (STARTTLS, 587), "smtps": (TLS, 465), "smtp+plain": (PLAIN, 25)}


class OutsideParts(NamedTuple):
    """What the processes work with."""

    gateways: Mapping[str, Gateway]
    seller: Seller
    notices: NoticeSettings
    secret: bytes
    """What pseudonyms are made with: the same as long as the state folder lives."""

    openid: OpenIdFile | None = None
    """Who signs people in beside passwords."""


def outside_of(settings: Settings) -> OutsideParts:
    """Gateways, seller, notices, OpenID. Raises ValueError with a sentence that names the variable."""
    outside = settings.outside
    gateways = gateways_of(_gateways(settings))
    notices = NoticeSettings(_mail(outside), outside.base_url, outside.private_allowed)
    secret = kept_secret(settings.state / PSEUDONYM_KEY).encode()
    return OutsideParts(gateways, _seller(outside.seller), notices, secret, _openid(outside.openid))


def check_outside(settings: Settings) -> None:
    """Raises what `outside_of` raises, and makes nothing: asked before any process is started."""
    check_gateways(_gateways(settings))
    _mail(settings.outside)
    _seller(settings.outside.seller)
    _openid(settings.outside.openid)


def _gateways(settings: Settings) -> GatewaySettings:
    outside = settings.outside
    return GatewaySettings(
        state_folder=settings.state,
        base_url=outside.base_url,
        sandbox=outside.sandbox,
        stripe_secret_key=outside.stripe_secret_key,
        stripe_webhook_secret=outside.stripe_webhook_secret,
        stripe_api_base=outside.stripe_api_base,
    )


def _mail(outside: Outside) -> MailSettings | None:
    """The mail server of TALKTIME_SMTP; None where none is named: mails then wait."""
    if not outside.smtp:
        return None
    url = urlsplit(outside.smtp)
    if url.scheme not in _SCHEMES or not url.hostname:
        raise ValueError("TALKTIME_SMTP is no address such as smtp://user:password@mail.example:587")
    security, port = _SCHEMES[url.scheme]
    try:
        return MailSettings(
            host=url.hostname,
            sender=outside.mail_from,
            port=url.port or port,
            security=security,
            user=unquote(url.username or ""),
            password=unquote(url.password or ""),
        )
    except ValueError as error:
        raise ValueError(f"TALKTIME_SMTP and TALKTIME_MAIL_FROM: {error}") from None


def _seller(file: Path | None) -> Seller:
    """Who sells, as papers say it; nobody named: no tax is asked for."""
    if file is None:
        return Seller()
    try:
        return msgspec.convert(tomllib.loads(file.read_text("utf-8")), _SellerFile).seller()
    except OSError as error:
        raise ValueError(f"TALKTIME_SELLER {file}: {(error.strerror or 'cannot be read').lower()}") from None
    except (ValueError, msgspec.MsgspecError) as error:
        raise ValueError(f"TALKTIME_SELLER {file}: {error}") from None


def _openid(file: Path | None) -> OpenIdFile | None:
    return None if file is None else read_openid(file)


class _SellerFile(msgspec.Struct, forbid_unknown_fields=True):
    """The TOML file that TALKTIME_SELLER names."""

    name: str
    country: str
    address: list[str] = msgspec.field(default_factory=list)
    tax_id: str = ""

    def seller(self) -> Seller:
        return Seller(self.name, tuple(self.address), self.country, self.tax_id)
