"""Whether a page may be shown: `look(page)` fails with a list of all that is wrong with it.

Faults of access (axe, serious and critical), errors on the console, a document wider than its window, words
that are cut off, things that lie over each other, inputs without a label.
"""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Any, Final

from playwright.sync_api import Page

from tests.browser.browsers import errors_of

GRAVE: Final = ("serious", "critical")

SETTLED: Final = """
() => document.fonts.ready.then(() => Promise.all(
    document.getAnimations().map(each => each.finished.catch(() => null))))
"""
"""Fonts are there and nothing moves; an animation without an end is not waited for (see below)."""

LAYOUT: Final = r"""
() => {
  const found = [];
  const name = e => {
    const label = (e.id ? '#' + e.id : '') + [...e.classList].slice(0, 3).map(c => '.' + c).join('');
    return `<${e.tagName.toLowerCase()}${label}> "${(e.innerText || '').trim().slice(0, 50)}"`;
  };
  const width = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth > width + 1)
    found.push(`the document is ${document.documentElement.scrollWidth} px wide in a window of ${width} px`);
  const shown = e => {
    const style = getComputedStyle(e), box = e.getBoundingClientRect();
    return style.visibility !== 'hidden' && style.display !== 'none' && +style.opacity > 0
      && box.width > 1 && box.height > 1;
  };
  const scrolls = e => {
    for (let up = e; up && up !== document.body; up = up.parentElement) {
      const over = getComputedStyle(up).overflowX;
      if (over === 'auto' || over === 'scroll') return true;
    }
    return false;
  };
  const hidden = e => e.closest('[aria-hidden="true"], .sr-only, .visually-hidden, svg, canvas, [inert]');
  for (const e of document.body.querySelectorAll('*')) {
    if (!shown(e) || hidden(e)) continue;
    const style = getComputedStyle(e), box = e.getBoundingClientRect();
    const words = [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim());
    if (words && !scrolls(e) && (box.right > width + 1 || box.left < -1) && box.bottom > 0
        && style.position !== 'fixed' && !e.closest('.q-drawer, [popover], a[href^="#"]'))
      found.push(`outside of the window: ${name(e)}`);
    const clips = o => o === 'hidden' || o === 'clip';
    if (words && clips(style.overflowX) && e.scrollWidth > e.clientWidth + 1 && e.clientWidth > 0
        && style.textOverflow !== 'ellipsis')
      found.push(`cut off at the side: ${name(e)}`);
    if (words && style.textOverflow === 'ellipsis' && e.scrollWidth > e.clientWidth + 1
        && !e.title && !e.closest('[title]'))
      found.push(`shortened, and the whole is not to be had (no title): ${name(e)}`);
    if (words && clips(style.overflowY) && e.scrollHeight > e.clientHeight + 3 && e.clientHeight > 0)
      found.push(`cut off below: ${name(e)}`);
  }
  const controls = [...document.querySelectorAll('button, a[href], input, select, textarea')]
    .filter(e => shown(e) && !hidden(e) && e.type !== 'hidden');
  // What was scrolled past lies under the head that stays, and is no fault; under anything else it is one.
  const head = document.querySelector('header');
  const past = top => scrollY > 0 && head && head.contains(top);
  const over = controls.filter(e => {
    const box = e.getBoundingClientRect();
    if (box.top < 0 || box.left < 0 || box.bottom > innerHeight || box.right > width) return false;
    const top = document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2);
    return top && !past(top) && top !== e && !e.contains(top) && !top.contains(e) && !top.closest('label')
      && !e.closest('.q-field') && !getComputedStyle(e).pointerEvents.includes('none');
  });
  for (const e of over) found.push(`something lies over it: ${name(e)}`);
  for (const e of controls) {
    if (!['INPUT', 'SELECT', 'TEXTAREA'].includes(e.tagName)) continue;
    const label = (e.labels && e.labels.length) || e.getAttribute('aria-label')
      || e.getAttribute('aria-labelledby') || e.title;
    if (!label && !['button', 'submit', 'reset'].includes(e.type)) found.push(`no label: ${name(e)}`);
  }
  return [...new Set(found)];
}
"""


@cache
def _axe() -> str:
    return resources.files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8")


def look(page: Page, *, but: tuple[str, ...] = (), complaints: tuple[str, ...] = ()) -> None:
    """Fails with everything that is wrong with what the page shows now.

    `but`: rules of axe that this page may break, each for a reason that the caller says. `complaints`: what
    the console may say, such as the status of an answer that the test wants.
    """
    faults = faults_of(page, but=but, complaints=complaints)
    assert not faults, f"{page.url}:\n" + "\n".join(faults)


def faults_of(page: Page, *, but: tuple[str, ...] = (), complaints: tuple[str, ...] = ()) -> list[str]:
    """What is wrong with a page, a line each."""
    settle(page)
    said = [text for text in errors_of(page) if not any(allowed in text for allowed in complaints)]
    return [*said, *layout_faults(page), *access_faults(page, but)]


def settle(page: Page) -> None:
    """Waits until nothing moves any more; at most a second for animations that have no end."""
    page.evaluate(f"() => Promise.race([({SETTLED})(), new Promise(done => setTimeout(done, 1000))])")


def layout_faults(page: Page) -> list[str]:
    """What lies outside, over something, or is cut off."""
    found: list[str] = page.evaluate(LAYOUT)
    return found


def access_faults(page: Page, but: tuple[str, ...] = ()) -> list[str]:
    """Serious and critical faults that axe finds, with the elements."""
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(_axe())
    report: dict[str, Any] = page.evaluate("() => axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{fault['impact']}: {fault['id']}: {fault['help']}: {node['html'][:300]} ({_why(node)})"
        for fault in report["violations"]
        if fault["impact"] in GRAVE and fault["id"] not in but
        for node in fault["nodes"][:5]
    ]


def _why(node: dict[str, Any]) -> str:
    return " ".join((node.get("failureSummary") or "").split())[:200]
