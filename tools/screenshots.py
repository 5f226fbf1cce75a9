"""Pictures of every page of the admin center, light and dark, on a desktop and a phone: `make screenshots`.

A real `talktime serve` with the demo month of the browser tests is walked by Chromium; the pictures are
written to docs/screenshots, and what is cut off, covered or too wide is printed. Empty pages: `--tenant
northwind --into /tmp/empty`; names as long as they may be: `--tenant wingtip --into /tmp/long`.
"""

from __future__ import annotations

import argparse
import base64
import logging
import sys
import tempfile
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

    from tests.browser.addresses import Address
    from tests.browser.centers import Center

ROOT: Final = Path(__file__).resolve().parents[1]
INTO: Final = ROOT / "docs" / "screenshots"
QUALITY: Final = 60
"""Of WebP: text stays sharp, and a page is some 40 kB."""

TALLEST_PX: Final = 3_000
SETTLE_MS: Final = 400
"""For what comes after a page is there: charts draw themselves."""


def main() -> int:
    """Returns 1 where something was found that should not be seen."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--tenant", default="contoso")
    parser.add_argument("--into", type=Path, default=INTO)
    parser.add_argument("--only", default="", help="pages whose name begins so, such as credits")
    parser.add_argument("--access", action="store_true", help="ask axe, too")
    asked = parser.parse_args()
    sys.path[:0] = [str(ROOT), str(ROOT / "src")]
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    from tests.browser.browsers import Chromium, running_chromium
    from tests.browser.centers import open_center
    from tests.databases import fresh_sqlite

    with tempfile.TemporaryDirectory(prefix="screenshots-") as folder, running_chromium() as chromium:
        if not isinstance(chromium, Chromium):
            print(f"there are no pictures without Chromium: {chromium}", file=sys.stderr)
            return 1
        place = Path(folder)
        with open_center(fresh_sqlite(place), place) as center:
            wanted = [one for one in _all(center, asked.tenant) if one.name.startswith(asked.only)]
            with chromium.spoken_to() as browser:
                return _walk(browser, center, wanted, asked)


def _all(center: Center, tenant: str) -> Iterator[Address]:
    from tests.browser.addresses import NOBODY, Address, addresses

    yield Address("sign-in", "/sign-in", NOBODY)
    yield from addresses(center, tenant)


def _walk(browser: Browser, center: Center, wanted: list[Address], asked: argparse.Namespace) -> int:
    asked.into.mkdir(parents=True, exist_ok=True)
    found, written = 0, 0
    for dark, phone in product((False, True), repeat=2):
        for who in sorted({address.who for address in wanted}):
            context = _window(browser, center, who.format(tenant=asked.tenant), dark=dark, phone=phone)
            for address in wanted:
                if address.who == who:
                    name = f"{address.name}-{'dark' if dark else 'light'}-{'phone' if phone else 'desktop'}"
                    faults, size = _take(context, center, address, asked.into / f"{name}.webp", asked.access)
                    found, written = found + len(faults), written + size
                    for fault in faults:
                        print(f"{name}: {fault}", flush=True)
            context.close()
    print(f"{4 * len(wanted)} pictures, {written / 2**20:.1f} MiB, in {asked.into}; {found} faults")
    return 1 if found else 0


def _window(browser: Browser, center: Center, upn: str, *, dark: bool, phone: bool) -> BrowserContext:
    from tests.browser.browsers import new_context

    context = new_context(browser, dark=dark, phone=phone)
    cookies = center.cookies_of(upn) if upn else {}
    for name, value in cookies.items():
        context.add_cookies([{"name": name, "value": value, "url": center.url}])
    return context


def _take(
    context: BrowserContext, center: Center, address: Address, file: Path, access: bool
) -> tuple[list[str], int]:
    """Opens a page and writes its picture: what is wrong with it, and the bytes of the picture."""
    from tests.browser.browsers import errors_of, new_page
    from tests.browser.look import access_faults, layout_faults, settle

    page = new_page(context)
    response = page.goto(f"{center.url}{address.path}", wait_until="networkidle")
    faults = [] if response is None or response.ok else [f"answers {response.status}"]
    page.wait_for_timeout(SETTLE_MS)
    settle(page)
    size = _write(page, file)
    faults += [*errors_of(page), *layout_faults(page), *(access_faults(page) if access else [])]
    page.close()
    return faults, size


def _write(page: Page, file: Path) -> int:
    """The whole page as WebP, which Playwright itself does not write; returns its bytes."""
    width, height = page.evaluate("() => [innerWidth, document.documentElement.scrollHeight]")
    session = page.context.new_cdp_session(page)
    clip = {"x": 0, "y": 0, "width": width, "height": min(height, TALLEST_PX), "scale": 1}
    taken = session.send(
        "Page.captureScreenshot",
        {"format": "webp", "quality": QUALITY, "captureBeyondViewport": True, "clip": clip},
    )
    content = base64.b64decode(taken["data"])
    file.write_bytes(content)
    return len(content)


if __name__ == "__main__":
    sys.exit(main())
