"""Sending to a webhook: one POST to an address that was checked, no redirects, never long.

The name stands in the Host header and is what the certificate has to be for; the connection goes to the
address that was judged. Nothing of the answer is read but its status.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from ipaddress import IPv6Address, ip_address
from typing import Final

import httpx

from talktime.notices.addresses import AddressRefused, Lookup, checked_addresses, look_up
from talktime.notices.tried import End, Tried

SEND_S: Final = 15.0
CONNECT_S: Final = 5.0
"""Seconds for a whole try, and for its connection."""

MAX_ADDRESSES: Final = 3
"""Addresses of a host that are tried, one after the other, where none answers."""

NOT_ALLOWED: Final = "its host leads to an address that is not allowed"

_PORTS: Final = {"http": 80, "https": 443}


log = logging.getLogger(__name__)


class WebhookSender:
    """Posts to webhooks. `private_allowed`: the installation lets webhooks reach private addresses at all."""

    def __init__(
        self, *, private_allowed: bool = False, lookup: Lookup = look_up, send_s: float = SEND_S
    ) -> None:
        self._private_allowed = private_allowed
        self._lookup = lookup
        self._send_s = send_s
        # Connections are not kept: those of two names at one address would be taken for one another's.
        self._client = httpx.AsyncClient(
            follow_redirects=False,
            trust_env=False,
            timeout=httpx.Timeout(send_s, connect=min(CONNECT_S, send_s)),
            limits=httpx.Limits(max_keepalive_connections=0),
        )

    async def send(self, url: str, headers: Mapping[str, str], body: str, *, allow_private: bool) -> Tried:
        """One try. Never raises for what the other side does."""
        try:
            async with asyncio.timeout(self._send_s):
                return await self._send(httpx.URL(url), headers, body, allow_private)
        except TimeoutError:
            return Tried(End.UNREACHED, f"did not answer within {self._send_s:g} s")
        except AddressRefused as error:
            # Where a name of ours leads to is nobody's business who may only write URLs.
            log.warning("a webhook is not called: %s", error)
            return Tried(End.UNREACHED, NOT_ALLOWED)
        except (OSError, httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            return Tried(End.UNREACHED, f"could not be reached: {_words(error)}")

    async def _send(
        self, url: httpx.URL, headers: Mapping[str, str], body: str, allow_private: bool
    ) -> Tried:
        port = url.port or _PORTS[url.scheme]
        addresses = await checked_addresses(
            url.host, port, allow_private=allow_private and self._private_allowed, lookup=self._lookup
        )
        for address in addresses[:MAX_ADDRESSES]:
            try:
                return await self._post(url, address, headers, body)
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                fault: Exception = error
        raise fault

    async def _post(self, url: httpx.URL, address: str, headers: Mapping[str, str], body: str) -> Tried:
        is_six = isinstance(ip_address(address.partition("%")[0]), IPv6Address)
        literal = f"[{address}]" if is_six else address
        request = self._client.build_request(
            "POST",
            url.copy_with(host=literal),
            headers={**headers, "host": url.netloc.decode("ascii")},
            content=body.encode(),
            extensions={"sni_hostname": url.host},
        )
        answer = await self._client.send(request, stream=True)
        try:
            return judged(answer.status_code)
        finally:
            await answer.aclose()

    async def close(self) -> None:
        """Ends what is open."""
        await self._client.aclose()


def judged(status: int) -> Tried:
    """What a status means (Standard Webhooks): 2xx is taken, 410 asks for silence, all else is a failure."""
    if 200 <= status < 300:
        return Tried(End.SENT)
    if status == 410:
        return Tried(End.GONE, "answered 410: it wants nothing more")
    if 300 <= status < 400:
        return Tried(
            End.UNREACHED, f"answered {status}, a redirect, which is not followed; give its final URL"
        )
    return Tried(End.UNREACHED, f"answered {status}")


def _words(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
