"""Chromium for tests: Debian's, driven by Playwright; one for all tests of a process, a window for each.

Where there is none, every test that asks for it is skipped by name and says why.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Literal

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Playwright, sync_playwright
from playwright.sync_api import Error as PlaywrightError

NAMES: Final = ("chromium", "chromium-browser", "google-chrome")
DESKTOP: Final = (1440, 900)
PHONE: Final = (390, 844)
PATIENCE_MS: Final = 20_000


def chromium() -> str | None:
    """Where the browser is: the first of the usual names on the path."""
    return next(filter(None, map(shutil.which, NAMES)), None)


def launch(playwright: Playwright) -> Browser:
    """Starts it. Raises PlaywrightError with a sentence where it cannot be had."""
    place = chromium()
    if place is None:
        raise PlaywrightError(f"none of {', '.join(NAMES)} is on this machine")
    # Root may not have the sandbox; fonts look the same whatever the screen is.
    arguments = ["--font-render-hinting=none", "--disable-lcd-text"]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        arguments.append("--no-sandbox")
    return playwright.chromium.launch(executable_path=place, args=arguments)


@dataclass(frozen=True, slots=True)
class Chromium:
    """A running browser, and the event loop by which Playwright speaks to it."""

    browser: Browser
    loop: asyncio.AbstractEventLoop | None

    @contextmanager
    def spoken_to(self) -> Iterator[Browser]:
        """Inside, this thread speaks to the browser, and `asyncio.run` is refused (see `set_aside`)."""
        asyncio._set_running_loop(self.loop)
        try:
            yield self.browser
        finally:
            asyncio._set_running_loop(None)


@contextmanager
def running_chromium() -> Iterator[Chromium | str]:
    """The browser, or why there is none."""
    driver = sync_playwright().start()
    loop = asyncio._get_running_loop()
    try:
        found: Chromium | str = Chromium(launch(driver), loop)
    except PlaywrightError as error:
        found = str(error).splitlines()[0]
    asyncio._set_running_loop(None)
    try:
        yield found
    finally:
        asyncio._set_running_loop(loop)
        if isinstance(found, Chromium):
            found.browser.close()
        driver.stop()
        asyncio._set_running_loop(None)


@contextmanager
def set_aside() -> Iterator[None]:
    """Inside, this thread has no running event loop: for `asyncio.run` in a test that speaks to a browser.

    Playwright leaves its loop marked as running between two calls of its API.
    """
    loop = asyncio._get_running_loop()
    asyncio._set_running_loop(None)
    try:
        yield
    finally:
        asyncio._set_running_loop(loop)


Scheme = Literal["dark", "light"]


def new_context(browser: Browser, *, dark: bool = False, phone: bool = False) -> BrowserContext:
    """A window without history. Tests in it wait patiently: the machine is shared."""
    width, height = PHONE if phone else DESKTOP
    scheme: Scheme = "dark" if dark else "light"
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme=scheme,
        reduced_motion="reduce",
        has_touch=phone,
        is_mobile=phone,
        locale="en-GB",
        timezone_id="Europe/Berlin",
        accept_downloads=True,
    )
    context.set_default_timeout(PATIENCE_MS)
    return context


class Errors:
    """What a page complained about: errors on its console, programs of it that failed, parts not found."""

    def __init__(self, page: Page) -> None:
        self.texts: list[str] = []
        page.on("console", self._said)
        page.on("pageerror", lambda error: self.texts.append(f"failed: {error}"))

    def _said(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.texts.append(f"console: {message.text} ({message.location.get('url', '')})")


_ERRORS: Final[dict[int, Errors]] = {}


def new_page(context: BrowserContext) -> Page:
    """A page whose complaints are kept for `errors_of`."""
    page = context.new_page()
    _ERRORS[id(page)] = Errors(page)
    page.on("close", _forget)
    return page


def _forget(page: Page) -> None:
    _ERRORS.pop(id(page), None)


def errors_of(page: Page) -> list[str]:
    """The complaints so far."""
    return _ERRORS[id(page)].texts


def skipped(why: str, who: str) -> None:
    """Skips a test by name."""
    pytest.skip(f"{who} needs Chromium, which cannot run here: {why}")
