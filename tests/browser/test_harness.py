"""The harness itself: it finds what it is there to find, and lets pass what is in order."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from playwright.sync_api import Page

from tests.browser.browsers import set_aside
from tests.browser.keyboard import focused, press, tab_stops, tab_to
from tests.browser.look import faults_of

GOOD = """<!doctype html><html lang="en"><head><title>Credits</title></head><body>
<main><h1>Credits</h1><p>All is well.</p><label>Amount <input name="amount"></label>
<button onclick="document.title='bought'">Buy</button><a href="/more">More</a></main></body></html>"""

WRONG = {
    "<input>": "no label: <input>",
    "<p style='width: 3000px'>wide</p>": "px wide in a window of",
    "<div style='overflow: hidden'><p style='margin-left: 1500px; width: 99px'>away</p></div>": "outside of",
    "<p style='width: 20px; overflow: hidden; white-space: nowrap'>on and on</p>": "cut off at the side",
    "<p style='height: 9px; overflow: hidden'>one<br>two<br>three</p>": "cut off below",
    "<p style='width: 20px; overflow: hidden; text-overflow: ellipsis; white-space: nowrap'>words</p>": (
        "no title"
    ),
    "<p style='color: #ddd; background: white'>faint</p>": "color-contrast",
    "<button id='nameless'></button>": "button-name",
    "<script>console.error('lost')</script>": "console: lost",
    "<script>throw new Error('broken')</script>": "failed: broken",
    "<button>Under</button><p style='position: relative; top: -60px; height: 60px; background: red'>x</p>": (
        'something lies over it: <button> "Under"'
    ),
}
"""What may be wrong with a page -> what is said about it."""


@pytest.fixture
def page(stranger: Callable[..., Page]) -> Page:
    """An empty page."""
    return stranger()


def test_a_good_page_passes(page: Page) -> None:
    page.set_content(GOOD)
    assert faults_of(page) == []


def test_every_fault_is_found(page: Page) -> None:
    page.set_content(GOOD.replace("</main>", f"{''.join(WRONG)}</main>"))
    found = "\n".join(faults_of(page))
    assert [said for said in WRONG.values() if said not in found] == [], found


def test_what_the_caller_allows_is_no_fault(page: Page) -> None:
    content = "<button></button><script>console.error('answered 403')</script>"
    page.set_content(GOOD.replace("</main>", f"{content}</main>"))
    assert faults_of(page, but=("button-name",), complaints=("403",)) == []


def test_a_page_is_walked_by_the_keyboard(page: Page) -> None:
    page.set_content(GOOD)
    assert tab_stops(page) == ["Amount", "Buy", "More"]
    tab_to(page, "Amount")
    assert focused(page) == "Amount"
    press(page, "Buy")
    assert page.title() == "bought"
    with pytest.raises(AssertionError, match="does not reach 'Sell'"):
        tab_to(page, "Sell")


def test_an_event_loop_of_ones_own_runs_beside_the_browser(page: Page) -> None:
    page.set_content(GOOD)
    with set_aside():
        assert asyncio.run(asyncio.sleep(0, "done")) == "done"
    assert page.title() == "Credits"
