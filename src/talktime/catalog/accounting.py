"""The accounts of the ledger in the words of bookkeeping: accounting.toml.

What a lot is to us is deferred income to an accountant; the month's journal shows both (domain.md 9).
"""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Final, Literal, NamedTuple

import msgspec

from talktime.catalog.load import CatalogueError

_ANY: Final = "*"


class BookAccount(NamedTuple):
    """An account in an accountant's words: its class, and the side where its balance usually lies."""

    words: str
    kind: str
    side: str


class _Account(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    words: str
    kind: Literal["asset", "liability", "income", "expense"] = msgspec.field(name="class")
    side: Literal["debit", "credit"]


class _File(msgspec.Struct, forbid_unknown_fields=True):
    account: list[_Account]


@dataclass(frozen=True, slots=True)
class Accounting:
    """The words of all accounts, in the order in which the journal shows them."""

    names: Sequence[str]
    accounts: Sequence[BookAccount]

    def find(self, name: str) -> tuple[int, BookAccount]:
        """(place in the order, words) of an account of the ledger. Raises KeyError for an unknown one."""
        for place, known in enumerate(self.names):
            if name == known or (known.endswith(_ANY) and name.startswith(known.removesuffix(_ANY))):
                return place, self.accounts[place]
        raise KeyError(name)


def read_accounting(text: str, file: str = "accounting.toml") -> Accounting:
    """accounting.toml -> Accounting. Raises CatalogueError naming file and entry."""
    try:
        data = msgspec.convert(tomllib.loads(text), _File)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise CatalogueError(f"{file}: {error}") from None
    names = [entry.name for entry in data.account]
    for name in names:
        if names.count(name) > 1:
            raise CatalogueError(f"{file}: account {name!r}: stands twice")
    return Accounting(names, [BookAccount(entry.words, entry.kind, entry.side) for entry in data.account])


@cache
def load_accounting() -> Accounting:
    """The shipped words."""
    text = resources.files("talktime.catalog").joinpath("data", "accounting.toml").read_text("utf-8")
    return read_accounting(text)
