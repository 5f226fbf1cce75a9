"""The columns of a charged call, as every report shows them (interfaces.md, Output of `talktime rate`).

Inside the program money and prices in these columns are integers; each writer turns them into decimals by
the column's kind and nothing else does.
"""

from enum import Enum
from typing import Final, NamedTuple


class Kind(Enum):
    """What the values of a column are, inside the program -> in a report."""

    TEXT = "text"
    """String -> the same."""
    WORD = "word"
    """Categorical -> text."""
    INSTANT = "instant"
    """Datetime in microseconds, UTC -> ISO 8601 with Z."""
    SECONDS = "seconds"
    """Int64 -> the same."""
    COUNT = "count"
    """Int64 -> the same."""
    MONEY = "money"
    """Int64 micros, null where there is none -> decimal with 6 places."""
    PRICE = "price"
    """Int64 nanos a minute, null where there is none -> decimal with 9 places."""
    FLAG = "flag"
    """Boolean."""


class Column(NamedTuple):
    """A column of a charged call; `what` is the sentence of the data dictionary."""

    name: str
    kind: Kind
    what: str


CALL_COLUMNS: Final = (
    Column("id", Kind.TEXT, "identity of the row: UsageId, Graph id, or a hash of its content"),
    Column("start", Kind.INSTANT, "start of the call"),
    Column("end", Kind.INSTANT, "start + duration: the instant at which the call is charged"),
    Column("user", Kind.WORD, "UPN of the user or organiser, or the service number"),
    Column("category", Kind.WORD, "category of the call"),
    Column("caller", Kind.TEXT, "calling number"),
    Column("callee", Kind.TEXT, "called number"),
    Column("country", Kind.WORD, "ISO country of the called number"),
    Column("duration_seconds", Kind.SECONDS, "duration that was reported"),
    Column("billed_seconds", Kind.SECONDS, "seconds after rounding to increments; 0 if blocked"),
    Column("pool_seconds", Kind.SECONDS, "billed seconds that included minutes paid"),
    Column("paid_seconds", Kind.SECONDS, "billed seconds that money paid"),
    Column("prefix", Kind.WORD, "prefix of the deck that matched"),
    Column("price_per_minute", Kind.PRICE, "price of a minute"),
    Column("connection_fee", Kind.MONEY, "fee of an answered paid call"),
    Column("amount", Kind.MONEY, "price of the call"),
    Column("currency", Kind.WORD, "currency of all money in the row"),
    Column("funding", Kind.WORD, "who paid: free, pool, credits, post_usage, overdraft, joined by +"),
    Column("state", Kind.WORD, "charged, free, blocked, unrated, not_answered or carried_by_operator"),
    Column("reason", Kind.WORD, "why a call is blocked or unrated"),
    Column("deck", Kind.WORD, "name and version of the deck"),
    Column("balance_after", Kind.MONEY, "credits less overdraft after the call; empty without a wallet"),
    Column("credits", Kind.MONEY, "paid by credits"),
    Column("post_usage", Kind.MONEY, "to be invoiced after use"),
    Column("overdraft", Kind.MONEY, "beyond the balance"),
    Column("lots", Kind.TEXT, "lots drawn, as lot=amount, joined by ;"),
    Column("recharge", Kind.MONEY, "bought right after this call"),
    Column("pool", Kind.TEXT, "pools used, as pool=seconds, joined by ;"),
    Column("pool_left_seconds", Kind.SECONDS, "left in the last pool used; empty if none or unlimited"),
    Column("free_seconds", Kind.SECONDS, "billed seconds of a free call"),
    Column("unrated_seconds", Kind.SECONDS, "billed seconds without a rate"),
    Column("blocked_seconds", Kind.SECONDS, "what would have been billed had the call been allowed"),
    Column("first_price_per_minute", Kind.PRICE, "price of the first part"),
    Column("first_seconds", Kind.SECONDS, "length of the first part"),
    Column("step_seconds", Kind.SECONDS, "length of a step"),
    Column("increments", Kind.WORD, "increment model of the deck"),
    Column("rounding", Kind.WORD, "rounding of the deck: method and decimals"),
    Column("rate_name", Kind.WORD, "name of the matched row of the deck"),
    Column("rule", Kind.WORD, "the catalogue rule that chose the category"),
    Column("flags", Kind.WORD, "what is odd about the row, joined by ;"),
    Column("cost_centre", Kind.WORD, "cost centre of the service number, else of the user"),
    Column("service_number", Kind.WORD, "service number of a bridge, attendant or queue"),
    Column("location", Kind.WORD, "usage location of the user"),
    Column("call_type", Kind.WORD, "call type as rated"),
    Column("direction", Kind.WORD, "inbound or outbound"),
    Column("number_type", Kind.WORD, "toll or toll_free, as decided"),
    Column("scope", Kind.WORD, "Domestic/International of the file"),
    Column("call_id", Kind.TEXT, "Call ID of the file"),
    Column("conference_id", Kind.TEXT, "Conference ID of the file"),
    Column("user_id", Kind.WORD, "Entra object id of the file"),
    Column("user_name", Kind.WORD, "display name of the file"),
    Column("destination", Kind.WORD, "Destination Dialed of the file"),
    Column("country_hint", Kind.WORD, "External Country of the file"),
    Column("capability", Kind.WORD, "licence code of the file"),
    Column("operator", Kind.WORD, "operator of the file"),
    Column("duration_source", Kind.WORD, "Source of Call Duration of the file"),
    Column("administrative_units", Kind.WORD, "Administrative Units of the file"),
    Column("vendor_fee", Kind.WORD, "Connection Fee of the file; compared, never used"),
    Column("vendor_charge", Kind.WORD, "Charge of the file; compared, never used"),
    Column("vendor_currency", Kind.WORD, "Currency of the file"),
    Column("source", Kind.WORD, "file that the row came from"),
    Column("line", Kind.COUNT, "line in that file"),
    Column("format", Kind.WORD, "format that was recognised"),
    Column("tenant", Kind.WORD, "tenant that the call belongs to"),
)
"""All columns, those of interfaces.md first."""

NAMES: Final = tuple(column.name for column in CALL_COLUMNS)
