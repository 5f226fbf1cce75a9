"""Chat rooms by Apprise: only services of a list, only by HTTPS, in threads of their own.

Apprise reads an address in its own way (options behind `;`, the first `@` of several), so an address is held
to a narrow form that has one reading only, with the options of `catalog/data/chat.toml`; what Apprise made of
it is looked at again before it sends. A host that an address names is looked up before each message and
refused if it is private; redirects are not followed. That is a check, no fence: Apprise looks the name up
itself, and a host that its owner moves between the two look-ups is not stopped.
"""

from __future__ import annotations

import asyncio
import re
import tomllib
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib import resources
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from talktime.catalog.load import CatalogueError
from talktime.notices.addresses import AddressRefused, Lookup, checked_addresses, look_up
from talktime.notices.tried import End, Tried

if TYPE_CHECKING:
    from talktime.accounts.tenant import Alerts
    from talktime.notices.message import Message

FILE: Final = "chat.toml"
FIXED: Final = "fixed"
NAMED: Final = "named"
SEND_S: Final = 30.0
THREADS: Final = 4
MAX_URL: Final = 2_048

_HTTPS: Final = 443

_SIGNS: Final = r"[A-Za-z0-9._~%!$*+=:-]"
_REST: Final = r"(?:/[A-Za-z0-9._~%!$*+=:@/-]*)?(?:\?(?P<query>[A-Za-z0-9._~%!$*+=:@/&-]*))?"
_NAMED: Final = re.compile(
    rf"[a-z]+://(?:{_SIGNS}+@)?(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{{1,5}})?{_REST}"
)
"""An address that names its host: nothing but a host and a port stands behind the one `@`."""

_FIXED: Final = re.compile(rf"[a-z]+://(?:{_SIGNS}+@)?[A-Za-z0-9._~:+=-]+{_REST}")
"""An address of a service that has its own host: a part of the secret stands where the host would."""


@dataclass(frozen=True, slots=True)
class ChatService:
    """A service that may be used.

    `names_host`: the address says which host is called. `options`: what may stand behind the question mark.
    """

    scheme: str
    name: str
    names_host: bool
    options: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class ChatServices:
    """The services by scheme, and the options that each of them has."""

    services: Mapping[str, ChatService]
    options: frozenset[str]

    def fault(self, url: str) -> str:
        """What is wrong with an address, as a sentence; "" for nothing."""
        if len(url) > MAX_URL or not url.isascii() or any(sign.isspace() or sign == "," for sign in url):
            return "the chat address is too long or holds blanks, commas or letters that no URL has"
        try:
            parts = urlsplit(url)
            hostname = parts.hostname
        except ValueError:
            return "the chat address cannot be read; write one such as slack://..."
        service = self.services.get(parts.scheme)
        if service is None:
            known = ", ".join(sorted(self.services))
            return f"the chat service {parts.scheme!r} is none that may be used; those are {known}"
        if not hostname:
            return f"the chat address names nothing behind {parts.scheme}://"
        read = (_NAMED if service.names_host else _FIXED).fullmatch(url)
        if read is None or url.count("@") > 1 or url.count("?") > 1:
            return (
                "the chat address holds a sign that services read differently (; # \\ a second @ or ?), or"
                " a % or & in its host; write # of a channel as %23"
            )
        return self._option_fault(read["query"] or "", service)

    def _option_fault(self, query: str, service: ChatService) -> str:
        """The same of what stands behind the question mark; an option is taken only as it is spelled."""
        seen: set[str] = set()
        for pair in query.split("&") if query else ():
            name = pair.partition("=")[0]
            if name.lower() not in self.options | service.options:
                return f"the option {name!r} of the chat address may not be used"
            if name.lower() in seen:
                return f"the option {name!r} stands twice in the chat address"
            seen.add(name.lower())
        return ""


def read_chat(text: str, file: str = FILE) -> ChatServices:
    """chat.toml -> ChatServices. Raises CatalogueError naming file and entry."""
    try:
        top = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise CatalogueError(f"{file}: not TOML: {error}") from None
    services: dict[str, ChatService] = {}
    for position, entry in enumerate(top.get("service", []), 1):
        if set(entry) - {"options"} != {"scheme", "name", "host"} or entry["host"] not in (FIXED, NAMED):
            raise CatalogueError(
                f"{file}: service {position}: needs scheme, name and host ({FIXED}, {NAMED})"
            )
        if entry["scheme"] in services:
            raise CatalogueError(f"{file}: service {position}: {entry['scheme']!r} stands twice")
        services[entry["scheme"]] = ChatService(
            entry["scheme"], entry["name"], entry["host"] == NAMED, frozenset(entry.get("options", ()))
        )
    if set(top) != {"service", "options"}:
        raise CatalogueError(f"{file}: needs options and [[service]], and nothing else")
    return ChatServices(services, frozenset(top["options"]))


@cache
def load_chat() -> ChatServices:
    """The shipped chat services."""
    return read_chat(resources.files("talktime.catalog").joinpath("data", FILE).read_text("utf-8"))


def faults_of(alerts: Alerts) -> list[str]:
    """What is wrong with the chat addresses of a tenant's alerts, a sentence each; [] for nothing.

    For whoever stores alerts: `accounts` reads them, and does not know which services there are.
    """
    return chat_faults(alerts.chat)


def chat_faults(urls: Iterable[str]) -> list[str]:
    """The same of addresses as a request or a file has them."""
    services = load_chat()
    found = [(position, services.fault(url)) for position, url in enumerate(urls, 1)]
    return [f"alerts: chat[{position}]: {fault}" for position, fault in found if fault]


def room(url: str) -> str:
    """How deliveries name a chat address, which holds secrets: its service and a digest."""
    return f"{urlsplit(url).scheme}#{sha256(url.encode()).hexdigest()[:16]}"


class ChatSender:
    """Sends to chat rooms. `private_allowed`: hosts of private networks may be named."""

    def __init__(
        self,
        services: ChatServices,
        *,
        private_allowed: bool = False,
        lookup: Lookup = look_up,
        send_s: float = SEND_S,
    ) -> None:
        self._services = services
        self._private_allowed = private_allowed
        self._lookup = lookup
        self._send_s = send_s
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="chat")

    async def send(self, url: str, message: Message) -> Tried:
        """One try. Never raises for what the other side does."""
        fault = self._services.fault(url)
        if fault:
            return Tried(End.HOPELESS, fault)
        try:
            async with asyncio.timeout(self._send_s):
                await self._check_host(url)
                loop = asyncio.get_running_loop()
                names_host = self._services.services[urlsplit(url).scheme].names_host
                return await loop.run_in_executor(
                    self._threads, _notify, url, names_host, message.subject, message.chat()
                )
        except TimeoutError:
            return Tried(End.UNREACHED, f"the chat service did not answer within {self._send_s:g} s")
        except AddressRefused as error:
            return Tried(End.UNREACHED, str(error))
        except OSError as error:
            return Tried(End.UNREACHED, f"the chat service could not be reached: {error}")

    async def _check_host(self, url: str) -> None:
        parts = urlsplit(url)
        if self._services.services[parts.scheme].names_host:
            await checked_addresses(
                parts.hostname or "",
                parts.port or _HTTPS,
                allow_private=self._private_allowed,
                lookup=self._lookup,
            )

    def close(self) -> None:
        """Takes nothing new; what is under way ends by itself."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _notify(url: str, names_host: bool, title: str, body: str) -> Tried:
    """In a thread: Apprise says no more than whether it worked."""
    service = made(url)
    if service is None:
        return Tried(End.HOPELESS, "the chat address is not complete; copy it anew from the service")
    if not is_as_read(service, url, names_host):
        return Tried(End.HOPELESS, "the chat address is read in two ways; copy it anew from the service")
    if service.notify(body=body, title=title):
        return Tried(End.SENT)
    return Tried(End.UNREACHED, "the chat service did not take the message")


def made(url: str) -> Any:
    """What Apprise makes of an address, None for nothing; it follows no redirect and logs no secret."""
    import apprise

    asset = apprise.AppriseAsset(secure_logging=True, http_redirects=False)
    return apprise.Apprise.instantiate(url, asset=asset)


def is_as_read(service: Any, url: str, names_host: bool) -> bool:
    """Whether what Apprise made calls the host that was checked, proves it, and reads nothing else.

    A template would be read from this machine's files or network.
    """
    if not service.verify_certificate or service.redirects or getattr(service, "template", None):
        return False
    if not names_host:
        return True
    parts = urlsplit(url)
    host = str(service.host or "").strip("[]").lower()
    return host == parts.hostname and (service.port or None) == parts.port
