"""Codes of a run in sentences: why a call was refused, what is odd about a row, who paid.

The codes are those of `core.refusals` and of the columns `flags` and `funding`; a code that is not known here
is shown as it stands.
"""

from decimal import Decimal
from typing import Final, NamedTuple

from talktime.core.money import format_minutes
from talktime.files.instants import format_instant


class Wording(NamedTuple):
    """A code in words: what it means, and what to do about it ("" if nothing)."""

    meaning: str
    remedy: str


REASONS: Final = {
    "unknown_tenant": Wording("the organisation is not known", "create the tenant"),
    "unknown_user": Wording("the user is not known", "add the user to the tenant"),
    "barred_destination": Wording(
        "the caller may not call this destination", "allow it in the dial-out policy, or leave it barred"
    ),
    "not_licensed": Wording(
        "whoever pays holds no licence that may spend credits", "assign the Communication Credits licence"
    ),
    "premium_refused": Wording(
        "the number is premium and refused", "nothing, the operator refuses such numbers; tell the user"
    ),
    "no_rate": Wording("the deck has no row for the number", "add a row for it and rate the file again"),
    "spend_cap": Wording(
        "a monthly spend cap left less than the first interval costs",
        "raise the cap or wait for the next month",
    ),
    "credits_expired": Wording(
        "the balance was empty because its credits had expired", "buy credits or switch auto-recharge on"
    ),
    "post_usage_off": Wording(
        "the credits were used up and post-usage billing is off",
        "switch post-usage billing on or buy credits",
    ),
    "no_credit": Wording(
        "the balance did not cover the first interval", "buy credits or switch auto-recharge on"
    ),
    "too_many_calls": Wording(
        "as many paid calls were in progress as a guard allows", "wait for one to end, or raise the guard"
    ),
    "call_too_long": Wording(
        "the call had lasted as long as a guard allows", "raise the guard, or let the user call again"
    ),
    "tenant_suspended": Wording("the provider had suspended the tenant", "ask the provider"),
}
"""Codes of the column `reason`."""

FLAGS: Final = {
    "masked_price": Wording(
        "hidden digits of the number could change its price or state", "compare with the operator's bill"
    ),
    "scope_disagrees": Wording(
        "the file calls it domestic and the number says international, or the reverse",
        "check the user's location; the number decided",
    ),
    "unknown_user": Wording("the tenant file does not name the user", "add the user to the tenant file"),
    "unknown_call_type": Wording(
        "the call type is not known, nothing was charged", "tell us the type, or add a rule to the catalogue"
    ),
    "end_disagrees": Wording(
        "the file's end is more than 2 seconds off start and duration",
        "",
    ),
    "unlicensed_overrun": Wording(
        "the call began on included minutes and ran on into credits that its payer may not spend",
        "assign the Communication Credits licence",
    ),
    "direct_debit": Wording("the call was charged at once, before or without its end", ""),
    "refunded": Wording("a part of the charge, or all of it, was taken back", ""),
    "report_missing": Wording(
        "the switch numbers its reports, and one of them never came: its seconds are not charged",
        "compare with the switch's own records",
    ),
    "cap_overrun": Wording(
        "the call began below a monthly spend cap and passed it",
        "raise the cap, or expect the calls after it to be blocked",
    ),
    "location_unknown": Wording(
        "neither the file nor the tenant file says where the user is",
        "give the user a location in the tenant file",
    ),
    "over_grant": Wording("the call lasted longer than it was granted", "check the switch"),
    "unrated": Wording(
        "the call ran on beyond its included minutes without a rate",
        "bind a deck that has a row for the number",
    ),
    "lost": Wording(
        "the switch fell silent, so the call was charged for its last report",
        "check the switch; its end, should it still come, corrects the charge",
    ),
    "corrects_lost_call": Wording("the end came after the call had been closed without it", ""),
    "rerated": Wording("the call was priced anew with another deck", ""),
}
"""Codes of the column `flags`."""

FUNDING: Final = {
    "free": "nobody, the call is free",
    "pool": "included minutes",
    "credits": "credits",
    "post_usage": "the invoice after use",
    "overdraft": "overdraft, to be repaid by the next purchase",
}
"""Parts of the column `funding`."""

ORIGINS: Final = {
    "opening": "opening balance",
    "purchase": "purchase",
    "recharge": "auto-recharge",
    "adjustment": "adjustment",
}
"""Origins of lots."""

MOVEMENTS: Final = ORIGINS | {
    "repaid": "overdraft repaid",
    "expiry": "expired",
    "balance_zero": "balance reached 0",
    "recharge_capped": "auto-recharge stopped by a cap",
}
"""Kinds of movements."""


def meaning(table: dict[str, Wording], code: str) -> str:
    """What a code means; the code itself where it is not known."""
    return table[code].meaning if code in table else code.replace("_", " ")


def helps(table: dict[str, Wording], code: str) -> str:
    """` What helps: ...` for a code with a remedy, else nothing."""
    remedy = table[code].remedy if code in table else ""
    return f" What helps: {remedy}." if remedy else ""


def moment(at_us: int) -> str:
    """An instant for people, to the second: 2026-03-17 14:02:05 UTC."""
    return f"{format_instant(at_us)[:19].replace('T', ' ')} UTC"


def minutes(seconds: int) -> str:
    """`2,401 min`, with decimals where seconds are left: at most 6, rounded half up."""
    return f"{Decimal(format_minutes(seconds)):,} min"


def counted(number: int, one: str, many: str = "") -> str:
    """`1 call`, `1,200 calls`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def listed(parts: list[str], shown: int) -> str:
    """The first parts, then how many there are beyond them."""
    rest = len(parts) - shown
    return ", ".join(parts[:shown]) + (f" and {rest:,} more" if rest > 0 else "")
