"""What is no rate deck is said in one sentence."""

import pytest

from talktime.files.usage import UnusableFile
from tests.files.decks.tables import read


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("# only\n# comments\n", "has no header and no rows"),
        ("44,0.5,UK\n45,0.6,DK\n", "its first line is no header"),
        ("prefix,name\n44,UK\n", "has no column price_per_minute; its columns are prefix, name"),
        ("name,country,price\nUK,GB,1\n", "has no column prefix"),
        ("UsageId,Call ID,Duration Seconds\n1,2,3\n", "looks like usage"),
        ('{"value": []}', "holds JSON"),
        ("prefix,price,rate\n44,1,2\n", "the columns 'price' and 'rate' both say price_per_minute; keep one"),
        ("hello\tworld\nfoo\tbar\n", "its first line is no header"),
    ],
)
def test_what_is_no_deck_is_said_in_one_sentence(text: str, reason: str) -> None:
    with pytest.raises(UnusableFile) as caught:
        read(text)
    assert reason in str(caught.value)
    assert str(caught.value).startswith("deck.csv")
