"""Who is on the line: SIP and tel URIs as voice networks send them -> a text to compare, a number to dial.

`sip:+14165550000@host;user=phone` is a number and an address at once; which of the two a rule means, the rule
says. National numbers stay as they were dialled: the country of the user decides later (rulings.md 9).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import unquote

from talktime.core.numbers import parse_number

if TYPE_CHECKING:
    from collections.abc import Mapping

    from talktime.core.numbers import Dialling

E164: Final = 0
"""Subscription-Id-Type of a telephone number in international form; its plus is often left out."""

_SCHEMES: Final = frozenset(("tel", "sip", "sips"))
_SEPARATORS: Final = str.maketrans("", "", " -.()")
_DIALLED: Final = re.compile(r"\+?[0-9*#]+")
_INTERNATIONAL: Final = re.compile(r"\+[1-9][0-9]{0,14}")
"""A number that says its country itself, as most do: there is nothing to work out."""

MAX_ADDRESS: Final = 1_024
"""What is kept of an address: the ledger keeps who called whom, and a message may be 64 KB of one number."""

_LOCAL_CONTEXT: Final = "phone-context="


class Party(NamedTuple):
    """One side of a call, or whom a Subscription-Id names.

    `text`: the whole address in lower case without scheme and parameters; `dialled`: the digits alone, as
    they were dialled, else the text; `number`: in international form, "" where it is none or not known.
    """

    text: str
    dialled: str
    number: str

    @property
    def name(self) -> str:
        """What people know it by: the number, else the address."""
        return self.number or self.text

    @property
    def forms(self) -> tuple[str, ...]:
        """The texts that a rule may mean."""
        return (self.text, self.dialled, self.number) if self.number else (self.text, self.dialled)


NOBODY: Final = Party("", "", "")


def read_party(
    address: str, dialling: Dialling | None, abroad: Mapping[str, Dialling], *, international: bool = False
) -> Party:
    """An address -> Party; any text is one.

    `dialling`: of the country where it was dialled, if known; `abroad`: by calling code, for a
    `phone-context`; `international`: it is in international form even without a plus (E.164).
    """
    local, host, context = _parts(address[:MAX_ADDRESS])
    text = f"{local}@{host}".lower() if local and host else (local or host).lower()
    bare = local.translate(_SEPARATORS)
    if _INTERNATIONAL.fullmatch(bare):
        return Party(text if host else bare, bare, bare)
    if _DIALLED.fullmatch(bare) is None:
        return Party(text, text, "")
    if international and bare[0] in "123456789":
        bare = f"+{bare}"
    if not host:
        text = bare
    own = abroad.get(context)
    parsed = parse_number(bare, own or dialling)
    number = f"+{parsed.digits}" if parsed.digits and not parsed.hidden else ""
    return Party(text, number if own and number else bare, number)


def pattern_text(text: str) -> str:
    """The text of a rule's pattern, written as addresses are compared."""
    text = _without_scheme(text.strip()).partition(";")[0].lower()
    bare = text.translate(_SEPARATORS)
    return bare if _DIALLED.fullmatch(bare) else text


def _without_scheme(address: str) -> str:
    scheme, colon, rest = address.partition(":")
    return rest if colon and scheme.lower() in _SCHEMES else address


def _parts(address: str) -> tuple[str, str, str]:
    """The part before the @, the host without its port, and the digits of a phone-context."""
    address = address.strip()
    if "<" in address:  # a name may stand before it, parameters of a header behind it
        address = address.partition("<")[2].partition(">")[0].strip()
    bare = _without_scheme(address)
    if bare is address and bare[:4].lower() == "urn:":
        return bare, "", ""
    local, at, host = bare.partition("@")
    local, _, parameters = local.partition(";")
    context = _context(parameters) if parameters else ""
    if not at:
        return _decoded(local), "", context
    host = host.partition(";")[0].partition("?")[0]
    end = host.find("]") if host.startswith("[") else -1
    host = host[: end + 1] if end >= 0 else host.partition(":")[0]
    return _decoded(local.partition(":")[0]), host, context


def _decoded(local: str) -> str:
    """%2B as +; what would decode to signs that nobody sees stays as it is."""
    plain = unquote(local)
    return plain if plain.isprintable() else local


def _context(parameters: str) -> str:
    """The calling code of a `phone-context=+49`; "" where the context is a domain or a part of a country."""
    for parameter in parameters.lower().split(";"):
        if parameter.startswith(_LOCAL_CONTEXT):
            return parameter.removeprefix(_LOCAL_CONTEXT).removeprefix("+").translate(_SEPARATORS)
    return ""
