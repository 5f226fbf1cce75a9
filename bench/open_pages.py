"""Pages of the admin center that are open and that nobody renders: what a server holds for them is the same.

Run by `bench_admin.py` in a process of its own: each page is loaded by HTTP with the cookie of a session and
its socket is opened as the browser opens it. Says `open N` and holds them until its input ends.
"""

import argparse
import ast
import asyncio
import json
import re
import sys
from urllib.parse import urlencode
from uuid import uuid4

import httpx
import socketio  # type: ignore[import-untyped]

QUERY = re.compile(r"query: (\{.*?\}),\n")
PATIENCE_S = 60


async def open_page(base: str, path: str, cookie: str) -> socketio.AsyncClient:
    """Loads a page and shakes hands with it, as `nicegui.js` does. Raises SystemExit where that fails."""
    headers = {"Cookie": cookie}
    async with httpx.AsyncClient(base_url=base, headers=headers, timeout=PATIENCE_S) as client:
        answer = await client.get(path)
    found = QUERY.search(answer.text)
    if answer.status_code != 200 or found is None:
        raise SystemExit(f"{path} answers {answer.status_code} and is no page with a socket")
    # The page writes it as Python does, in quotes that JSON has not.
    query = ast.literal_eval(found[1]) | {"document_id": str(uuid4()), "tab_id": str(uuid4())}
    told = {name: json.dumps(value) if isinstance(value, bool) else value for name, value in query.items()}
    page = socketio.AsyncClient(reconnection=False)
    page.on("*", _passed_over)
    await page.connect(
        f"{base}?{urlencode(told)}",
        headers={**headers, "Origin": base},
        transports=["websocket"],
        socketio_path="/_nicegui_ws/socket.io",
    )
    return page


async def _passed_over(*_: object) -> None:
    """Nobody looks at the page."""


async def main() -> int:
    """Opens the pages in turn, says so, holds them; 1 where one of them was closed meanwhile."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--base", required=True)
    parser.add_argument("--cookie", required=True)
    parser.add_argument("--count", type=int, default=10)
    parser.add_argument("paths", nargs="+")
    asked = parser.parse_args()
    pages = [
        await open_page(asked.base, asked.paths[at % len(asked.paths)], asked.cookie)
        for at in range(asked.count)
    ]
    await asyncio.sleep(1)
    held = sum(page.connected for page in pages)
    print(f"open {held}", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    left = sum(page.connected for page in pages)
    for page in pages:
        await page.disconnect()
    return 0 if left == asked.count else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
