"""Calls whose hidden digits could change the price or the premium state (rulings.md 9).

What the hidden digits could be is asked once per visible digits and number of hidden ones; call by call only
where a validity or a weekly window decides the price.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from talktime.bulk.codes import Coded, different_rows
from talktime.bulk.number_scan import hidden_keys, hidden_of
from talktime.bulk.rate_columns import possible_rows, price_of
from talktime.bulk.state import NONE
from talktime.core.prefix import NO_PREFIX

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from talktime.bulk.number_columns import ReadNumbers
    from talktime.bulk.setting import Setting
    from talktime.core.deck import Call

    Ints = NDArray[np.int64]


def masked_rows(
    setting: Setting, kinds: Sequence[Call], kind: Ints, callee: ReadNumbers, rate: Ints, start_us: Ints
) -> NDArray[np.bool_]:
    """The rows whose hidden digits could change the price or the premium state.

    `kind` is the place of each row's call in `kinds`, NONE where the deck is not asked.
    """
    flags = np.zeros(len(kind), np.bool_)
    rows, key = hidden_keys(callee.stem, callee.hidden)
    asked = kind[rows] != NONE
    rows, key = rows[asked], key[asked]
    if not len(rows):
        return flags
    hiding = Coded(key, int(key.max()) + 1)
    kind_of = Coded(kind[rows], len(kinds))
    priced = Coded(rate[rows] + 1, len(setting.book.deck.rows) + 1)
    columns, at = different_rows([hiding, kind_of, priced], setting.find)
    found = [
        _could_change(setting, kinds[of], hidden_key, row - 1, None)
        for hidden_key, of, row in zip(*(column.tolist() for column in columns), strict=True)
    ]
    known = np.array([answer is not None for answer in found], np.bool_)
    flags[rows] = np.array([bool(answer) for answer in found], np.bool_)[at]
    for place in np.flatnonzero(~known[at]).tolist():
        row = rows[place]
        answer = _could_change(setting, kinds[kind[row]], int(key[place]), int(rate[row]), int(start_us[row]))
        flags[row] = bool(answer)
    return flags


def _could_change(setting: Setting, call: Call, key: int, row: int, at_us: int | None) -> bool | None:
    """Whether the hidden digits could matter; None where that hangs on the instant and none is given."""
    digits, hidden = hidden_of(setting.index, key)
    premium = setting.catalogue.premium.possible(digits, hidden)
    states = {setting.catalogue.premium_states[p] if p != NO_PREFIX else "" for p in premium}
    if len(states) > 1:
        return True
    possible = possible_rows(setting.book, call, digits, hidden, at_us)
    if possible is None:
        return None
    return len({price_of(setting.book.deck, found) for found in possible | {row}}) > 1
