"""Every bound in one place: what is larger is refused by name, before any arithmetic.

Compiled integers overflow without a word (feasibility.md 1), so each edge (files, decks, tenant file,
HTTP) checks these bounds, and with them no product or sum in `core` leaves 64 bits.
"""

from typing import Final

MICROS_PER_UNIT: Final = 1_000_000
"""Money is counted in millionths of the currency unit."""

NANOS_PER_UNIT: Final = 1_000_000_000
"""Prices are counted in billionths of the currency unit per minute (rulings.md 13)."""

US_PER_S: Final = 1_000_000
"""Instants are counted in microseconds since 1970-01-01T00:00:00Z."""

MAX_CALL_S: Final = 86_400
"""The longest call that is charged, in seconds (rulings.md 23); longer ones are absurd."""

MAX_INCREMENT_S: Final = 86_400
"""The longest first part or step of a rate, in seconds."""

MAX_PRICE_NANOS: Final = 1_000 * NANOS_PER_UNIT
"""The dearest price a minute; a price times the longest call stays below 10**17."""

MAX_FEE_MICROS: Final = 1_000 * MICROS_PER_UNIT
"""The dearest connection fee."""

MAX_MONEY_MICROS: Final = 10**9 * MICROS_PER_UNIT
"""The largest single purchase, cap or recharge: a thousand million units."""

MAX_TOTAL_MICROS: Final = 2**61
"""The most that all calls of a tenant may cost in one run; balances and overdrafts then stay below 2**63."""

MAX_LICENCES: Final = 10_000_000
"""The most licences of one plan; times the minutes of a plan this stays below 2**63 seconds."""

MAX_MINUTES: Final = 1_000_000
"""The most minutes that a plan may include per licence and month."""

MAX_NUMBER_DIGITS: Final = 15
"""E.164: an international number has at most 15 digits."""

NEVER_US: Final = 2**62
"""An instant that does not come: no end of validity, no expiry."""

ALWAYS_US: Final = -(2**62)
"""An instant before all others: no begin of validity."""

NO_LIMIT: Final = 2**62
"""An amount or a number of seconds without limit: no cap, an unlimited pool."""
