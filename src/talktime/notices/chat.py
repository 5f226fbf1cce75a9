"""Chat rooms by Apprise: only services of a list, only by HTTPS, in threads of their own.

What we check for webhooks cannot be held inside Apprise: it looks names up and follows redirects itself. So
the list (`catalog/data/chat.toml`) names services that are spoken to by HTTPS; where the address names the
host it is looked up before each message and refused if it is private. That is a check, no fence: a host that
its owner moves between the two look-ups, or one that redirects, is not stopped.
"""

from __future__ import annotations

import asyncio
import tomllib
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib import resources
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, urlsplit

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


@dataclass(frozen=True, slots=True)
class ChatService:
    """A service that may be used. `names_host`: the address says which host is called."""

    scheme: str
    name: str
    names_host: bool


@dataclass(frozen=True, slots=True)
class ChatServices:
    """The services by scheme, and what may stand behind the question mark of an address."""

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
        if parts.scheme not in self.services:
            known = ", ".join(sorted(self.services))
            return f"the chat service {parts.scheme!r} is none that may be used; those are {known}"
        if not hostname:
            return f"the chat address names nothing behind {parts.scheme}://"
        for name, _ in parse_qsl(parts.query, keep_blank_values=True):
            if name.lower().lstrip("+-:") not in self.options or name[:1] in "+-:":
                return f"the option {name!r} of the chat address may not be used"
        return ""


def read_chat(text: str, file: str = FILE) -> ChatServices:
    """chat.toml -> ChatServices. Raises CatalogueError naming file and entry."""
    try:
        top = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise CatalogueError(f"{file}: not TOML: {error}") from None
    services: dict[str, ChatService] = {}
    for position, entry in enumerate(top.get("service", []), 1):
        if set(entry) != {"scheme", "name", "host"} or entry["host"] not in (FIXED, NAMED):
            raise CatalogueError(
                f"{file}: service {position}: needs scheme, name and host ({FIXED}, {NAMED})"
            )
        if entry["scheme"] in services:
            raise CatalogueError(f"{file}: service {position}: {entry['scheme']!r} stands twice")
        services[entry["scheme"]] = ChatService(entry["scheme"], entry["name"], entry["host"] == NAMED)
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
                text = message.chat()
                return await loop.run_in_executor(self._threads, _notify, url, message.subject, text)
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


def _notify(url: str, title: str, body: str) -> Tried:
    """In a thread: Apprise says no more than whether it worked."""
    import apprise

    service = apprise.Apprise.instantiate(url)
    if service is None:
        return Tried(End.HOPELESS, "the chat address is not complete; copy it anew from the service")
    if service.notify(body=body, title=title):
        return Tried(End.SENT)
    return Tried(End.UNREACHED, "the chat service did not take the message")
