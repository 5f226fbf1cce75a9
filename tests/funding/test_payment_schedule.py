"""Whatever happens between us and a gateway: money taken = money credited, once all of it is known.

Drawn stories of spending, settings, crashes, faults, messages, disputes and jumps of the clock, told to two
processes on one database (payment_story.py).
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings

from tests.databases import fresh_postgres, fresh_sqlite
from tests.funding.payment_desk import payment_desk
from tests.funding.payment_story import Step, Story, steps

FEW = max(settings.default.max_examples // 4, 5) if settings.default else 10


def told(url: str, folder: Path, story: list[Step]) -> Story:
    """Tells a story on a database and checks its end."""
    with payment_desk(url, folder, desks=2) as desk:
        teller = Story(desk)
        teller.begin()
        for step in story:
            teller.tell(step)
        teller.end()
        return teller


@settings(max_examples=FEW)
@given(steps)
def test_money_taken_is_money_credited_on_sqlite(story: list[Step]) -> None:
    with TemporaryDirectory(prefix="tt-") as folder:
        told(fresh_sqlite(Path(folder)), Path(folder), story)


@settings(max_examples=max(FEW // 3, 3))
@given(steps)
def test_money_taken_is_money_credited_on_postgresql(story: list[Step]) -> None:
    with TemporaryDirectory(prefix="tt-") as folder, fresh_postgres("the payments' schedule") as url:
        told(url, Path(folder), story)
