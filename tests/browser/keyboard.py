"""Walking a page without a mouse: what Tab reaches, and pressing what a name says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from playwright.sync_api import Page

MOST: Final = 300

FOCUSED: Final = """
() => {
  const e = document.activeElement;
  if (!e || e === document.body) return null;
  const labelled = (e.getAttribute('aria-labelledby') || '').split(' ')
    .map(id => document.getElementById(id)?.innerText || '').join(' ').trim();
  const label = e.labels?.[0]?.innerText;
  const name = e.getAttribute('aria-label') || labelled || label || e.innerText || e.title || e.value || '';
  return name.trim().replace(/\\s+/g, ' ');
}
"""


def focused(page: Page) -> str | None:
    """The name of what has the focus; None where nothing has."""
    name: str | None = page.evaluate(FOCUSED)
    return name


def tab_to(page: Page, name: str, *, back: bool = False) -> None:
    """Presses Tab until something of this name has the focus. Fails where Tab never comes there."""
    seen = []
    for here in _stops(page, "Shift+Tab" if back else "Tab"):
        if name in here:
            return
        seen.append(here)
    raise AssertionError(f"Tab does not reach {name!r}; it reaches {list(dict.fromkeys(seen))}")


def press(page: Page, name: str, key: str = "Enter") -> None:
    """Goes there by Tab and presses a key."""
    tab_to(page, name)
    page.keyboard.press(key)


def tab_stops(page: Page) -> list[str]:
    """The names of all that Tab reaches from the top, in order, once around."""
    page.evaluate("() => { document.activeElement?.blur(); window.scrollTo(0, 0); }")
    return list(_stops(page, "Tab"))


def _stops(page: Page, key: str) -> Iterator[str]:
    """What has the focus after each key, until Tab has been everywhere."""
    met: set[str] = set()
    for _ in range(MOST):
        page.keyboard.press(key)
        mark = page.evaluate(MARK)
        if mark is not None:
            if mark in met:
                return
            met.add(mark)
            yield focused(page) or ""
    raise AssertionError(f"Tab has no end after {MOST} stops")


MARK: Final = """
() => {
  const e = document.activeElement;
  return e && e !== document.body ? (e.dataset.stop ??= String(Math.random())) : null;
}
"""
"""Tells elements apart."""
