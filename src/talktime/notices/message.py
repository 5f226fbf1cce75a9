"""A notice as it reaches people: subject, what happened, figures, what stops, what works, what to do, a link.

One message, three forms: plain text, HTML (everything escaped, no images, no colours of its own, so that it
reads in the dark too) and a few lines for chat rooms.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlsplit

from talktime.notices.texts import FUND
from talktime.notices.wording import instant_words, read_facts, whole

if TYPE_CHECKING:
    from talktime.accounts.tenant import Tenant
    from talktime.notices.wording import Wording

TITLES: Final = (
    ("What happened", "happened"),
    ("What stops working", "stops"),
    ("What keeps working", "works"),
    ("What to do", "todo"),
)
MAX_SUBJECT: Final = 200
"""Signs of a subject; what is longer is cut."""

_STYLE: Final = "font-family:system-ui,-apple-system,'Segoe UI',sans-serif;font-size:16px;line-height:1.5"
_HEAD: Final = "font-size:14px;margin:20px 0 2px;font-weight:600;opacity:.75"
_CELL: Final = "padding:4px 24px 4px 0;border-bottom:1px solid #8885"
_LINK: Final = "display:inline-block;padding:8px 16px;border:1px solid currentColor;border-radius:6px"


@dataclass(frozen=True, slots=True)
class Message:
    """What people read. `sections`: (title, text); `figures`: (name, amount); `links`: (words, URL)."""

    subject: str
    sections: tuple[tuple[str, str], ...]
    figures: tuple[tuple[str, str], ...]
    links: tuple[tuple[str, str], ...]
    footer: str

    def text(self) -> str:
        """Plain text; figures stand in a column."""
        (_, happened), *others = self.sections
        parts = [happened]
        if self.figures:
            width = max(len(name) for name, _ in self.figures) + 2
            parts.append("\n".join(f"{name + ':':<{width}}{amount}" for name, amount in self.figures))
        parts += [f"{title}\n{text}" for title, text in others]
        parts += [f"{words}: {url}" for words, url in self.links]
        return "\n\n".join([*parts, f"-- \n{self.footer}"]) + "\n"

    def html(self) -> str:
        """One HTML document without anything that has to be fetched."""
        (_, happened), *others = self.sections
        rows = "".join(
            f'<tr><td style="{_CELL}">{escape(name)}</td>'
            f'<td style="{_CELL};text-align:right;white-space:nowrap">{escape(amount)}</td></tr>'
            for name, amount in self.figures
        )
        sections = "".join(
            f'<h2 style="{_HEAD}">{escape(title)}</h2><p style="margin:0">{escape(text)}</p>'
            for title, text in others
        )
        links = "".join(
            f'<a href="{escape(url)}" style="{_LINK};margin:0 8px 8px 0;color:inherit">{escape(words)}</a>'
            for words, url in self.links
        )
        return (
            '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width,initial-scale=1">'
            '<meta name="color-scheme" content="light dark"><meta name="supported-color-schemes" '
            f'content="light dark"><title>{escape(self.subject)}</title></head>'
            f'<body style="margin:0;padding:24px;{_STYLE}"><div style="max-width:36em;margin:0 auto">'
            f'<h1 style="font-size:20px;line-height:1.3;margin:0 0 12px">{escape(self.subject)}</h1>'
            f'<p style="margin:0 0 16px">{escape(happened)}</p>'
            + (f'<table style="border-collapse:collapse">{rows}</table>' if rows else "")
            + f'{sections}<p style="margin:24px 0">{links}</p>'
            f'<p style="font-size:13px;opacity:.75;margin:0">{escape(self.footer)}</p></div></body></html>\n'
        )

    def chat(self) -> str:
        """A few lines for a chat room: what happened, what is available, what to do, the links."""
        (_, happened), *others = self.sections
        todo = dict(others).get(TITLES[-1][0], "")
        figures = "; ".join(f"{name}: {amount}" for name, amount in self.figures)
        links = [f"{words}: {url}" for words, url in self.links]
        return "\n".join(part for part in [happened, figures, todo, *links] if part)


def message(wording: Wording, tenant: Tenant, event: str, at_us: int, body: str, base_url: str) -> Message:
    """The message of an outbox row. `base_url`: where the admin center is, "" for no link to it.

    Raises msgspec.DecodeError or ValidationError for a body that cannot be read.
    """
    shown = wording.shown(tenant, body)
    shown["event"] = event.replace("_", " ")
    facts = wording.choosing(tenant, at_us, body)
    text, fund = wording.texts.text(event, facts), wording.texts.fund(facts)
    shown[FUND] = fund.says
    sections = tuple((title, opened(getattr(text, name), shown)) for title, name in TITLES)
    subject = one_line(f"{shown['tenant']}: {text.subject.format_map(shown)}")
    links = []
    if text.action and is_web(shown.get("url", "")):
        links.append((text.action, shown["url"]))
    if base_url:
        path = (text.page or fund.page).format(tenant_id=quote(tenant.id, safe=""))
        links.append(("Open the admin center", base_url.rstrip("/") + path))
    told = f"{tenant.name or tenant.id}, {instant_words(at_us, tenant.time_zone)}"
    footer = f"{told}. You get this message because of your administrator role."
    return Message(subject, sections, _figures(body, shown), tuple(links), footer)


def opened(text: str, shown: dict[str, str]) -> str:
    """A text with its facts; the clause that may open it begins with a capital then."""
    words = text.format_map(shown)
    return words[:1].upper() + words[1:] if text.startswith(f"{{{FUND}}}") else words


def _figures(body: str, shown: dict[str, str]) -> tuple[tuple[str, str], ...]:
    """Settled, reserved and available money; what is owed only where something is."""
    facts = read_facts(body)
    if not isinstance(facts.get("balance"), int):
        return ()
    rows = [
        ("Balance (settled)", shown["balance"]),
        ("Reserved for calls in progress", shown["reserved"]),
        ("Available", shown["available"]),
    ]
    if whole(facts, "overdraft") > 0:
        rows.append(("Overdraft, part of the balance", shown["overdraft"]))
    return tuple(rows)


def one_line(text: str) -> str:
    """A text without line breaks and control signs: it may stand in a header."""
    plain = " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
    return plain if len(plain) <= MAX_SUBJECT else plain[: MAX_SUBJECT - 3].rstrip() + "..."


def is_web(url: str) -> bool:
    """Whether this may stand behind a link: nothing but http and https with a host."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)
