"""The different values of a long column by one compiled pass over a hash table, instead of a sort.

Equal to `numpy.unique` with its inverse, value for value: what is found is sorted in the end.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from talktime.bulk.codes import Different

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]

FIRST_ROOM: Final = 2**14
"""Places of the first table; it lies in the processor's cache, and most columns need no more."""


def find_different(keys: Ints) -> Different:
    """The different values, ascending, and the place of each row's."""
    keys = np.ascontiguousarray(keys)
    at = np.empty(len(keys), np.int64)
    room = FIRST_ROOM
    while True:
        table = np.full(room, -1, np.int64)
        values = np.empty(room // 2, np.int64)
        found = int(_loop()(keys, table, values, at))
        if found >= 0:
            break
        room *= 8
    values = values[:found]
    order = np.argsort(values)
    place = np.empty(found, np.int64)
    place[order] = np.arange(found)
    return Different(values[order], place[at])


@cache
def _loop() -> Any:
    from talktime.bulk.compiled import compiled

    return compiled(number_values)


def number_values(keys: Ints, table: Ints, values: Ints, at: Ints) -> int:
    """Numbers the different keys in the order of their first rows; returns how many, -1 if there is no room.

    `table` (a power of two long, -1 where empty) holds numbers, `values` the keys, `at` a number a row.
    """
    last = len(table) - 1
    known = 0
    for row in range(len(keys)):
        key = keys[row]
        # Both halves are spread by odd numbers; keys are below 2**62, so nothing leaves 64 bits.
        place = (((key & 0xFFFFFFFF) * 0x1E3779B1 + (key >> 32) * 0x165667B1) >> 16) & last
        while table[place] >= 0 and values[table[place]] != key:
            place = (place + 1) & last
        if table[place] < 0:
            if known == len(values):
                return -1
            values[known] = key
            table[place] = known
            known += 1
        at[row] = table[place]
    return known
