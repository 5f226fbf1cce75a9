"""Quantiles as tables: how many standard deviations hold a chance, by how much was seen.

Thousandths, rounded up, so that no edge is nearer than it may be. Few weeks give wide edges: with one degree
of freedom a deviation is hardly known, and the table says so.
"""

from typing import Final

CONFIDENCES: Final = (800, 900, 950, 990, 999)
"""Per mille, one side: in so many of 1,000 cases it is not more."""

_STUDENT: Final = (
    (1_377, 3_078, 6_314, 31_821, 318_309),
    (1_061, 1_886, 2_920, 6_965, 22_328),
    (979, 1_638, 2_354, 4_541, 10_215),
    (941, 1_534, 2_132, 3_747, 7_174),
    (920, 1_476, 2_016, 3_365, 5_894),
    (906, 1_440, 1_944, 3_143, 5_208),
    (897, 1_415, 1_895, 2_998, 4_786),
    (889, 1_397, 1_860, 2_897, 4_501),
    (884, 1_384, 1_834, 2_822, 4_297),
    (880, 1_373, 1_813, 2_764, 4_144),
    (876, 1_364, 1_796, 2_719, 4_025),
    (873, 1_357, 1_783, 2_681, 3_930),
    (871, 1_351, 1_771, 2_651, 3_852),
    (869, 1_346, 1_762, 2_625, 3_788),
    (867, 1_341, 1_754, 2_603, 3_733),
    (865, 1_337, 1_746, 2_584, 3_687),
    (864, 1_334, 1_740, 2_567, 3_646),
    (863, 1_331, 1_735, 2_553, 3_611),
    (861, 1_328, 1_730, 2_540, 3_580),
    (860, 1_326, 1_725, 2_528, 3_552),
    (860, 1_324, 1_721, 2_518, 3_528),
    (859, 1_322, 1_718, 2_509, 3_505),
    (858, 1_320, 1_714, 2_500, 3_485),
    (857, 1_318, 1_711, 2_493, 3_467),
    (857, 1_317, 1_709, 2_486, 3_451),
    (856, 1_315, 1_706, 2_479, 3_435),
    (856, 1_314, 1_704, 2_473, 3_422),
    (855, 1_313, 1_702, 2_468, 3_409),
    (855, 1_312, 1_700, 2_463, 3_397),
    (854, 1_311, 1_698, 2_458, 3_386),
)
"""A row for each degree of freedom from 1, a column for each of CONFIDENCES; more reads the last row."""

_TAILS: Final = (
    (5, 842),
    (10, 1_282),
    (20, 1_645),
    (50, 2_054),
    (100, 2_327),
    (200, 2_576),
    (500, 2_879),
    (1_000, 3_091),
    (2_000, 3_291),
    (5_000, 3_541),
    (10_000, 3_720),
    (20_000, 3_891),
    (50_000, 4_108),
    (100_000, 4_265),
    (200_000, 4_418),
    (500_000, 4_612),
    (1_000_000, 4_754),
    (2_000_000, 4_892),
    (5_000_000, 5_069),
    (10_000_000, 5_200),
    (20_000_000, 5_327),
    (50_000_000, 5_491),
    (100_000_000, 5_613),
)
"""(one case in so many is above, quantile of the normal distribution)."""


def student(freedom: int, confidence: int) -> int:
    """Student's quantile in thousandths for `freedom` >= 1 and one of CONFIDENCES.

    Raises ValueError for another confidence: there is no column for it.
    """
    if confidence not in CONFIDENCES:
        raise ValueError(f"confidence {confidence} is unknown; use one of {', '.join(map(str, CONFIDENCES))}")
    return _STUDENT[min(freedom, len(_STUDENT)) - 1][CONFIDENCES.index(confidence)]


def of_many(confidence: int, count: int) -> int:
    """The normal quantile in thousandths that none of `count` >= 1 values passes, with `confidence` for all.

    Each may pass it in (1 - confidence) / count of the cases; between two rows of the table the rarer counts.
    """
    for one_in, quantile in _TAILS:
        if one_in * (1_000 - confidence) >= 1_000 * count:
            return quantile
    return _TAILS[-1][1]
