"""The fake of Stripe behind a local port, with a network's faults: dead connections, slow answers, 5xx."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

from tests.funding.fake_stripe import API_KEY, ApiError, FakeStripe, Json

MONEY = {"/v1/payment_intents", "/v1/refunds"}
SLOW_S = 1.5


class _Handler(BaseHTTPRequestHandler):
    """One connection of the SDK."""

    protocol_version = "HTTP/1.1"
    server: "_Server"

    def do_GET(self) -> None:
        """Reads."""
        parts = urlsplit(self.path)
        self._answer(parts.path, lambda: (200, self.server.fake.get(parts.path[4:], _form(parts.query))))

    def do_POST(self) -> None:
        """Changes something, unless a fault says otherwise."""
        fake, form = self.server.fake, _form(self.rfile.read(int(self.headers["Content-Length"])).decode())
        key = self.headers.get("Idempotency-Key", "")
        is_money = self.path in MONEY or self.path.endswith("/cancel")
        fault = fake.faults.pop(0) if is_money and fake.faults else ""
        if fault.isdigit():
            self._send(int(fault), {"error": {"type": "api_error", "message": "Try again."}})
        elif fault == "dead_before":
            self.close_connection = True
        else:
            self._answer(self.path, lambda: fake.once(self.path[4:], key, form), fault)

    def _answer(self, path: str, do: Callable[[], tuple[int, Json]], fault: str = "") -> None:
        fake = self.server.fake
        try:
            if self.headers.get("Authorization") != f"Bearer {API_KEY}":
                raise ApiError(401, "invalid_request_error", "Invalid API Key provided")
            with fake.lock:
                fake.requests.append(f"{self.command} {path}")
                status, body = do()
        except ApiError as error:
            status, body = error.status, error.body
        if fault == "dead_after":
            self.close_connection = True
            return
        if fault == "slow":
            time.sleep(SLOW_S)
        self._send(status, body)

    def _send(self, status: int, body: Json) -> None:
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: tests are quiet."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, fake: FakeStripe) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.fake = fake

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that did not wait is a test's wish."""


def _form(text: str) -> Json:
    """`metadata[tenant]=a&expand[0]=b` -> {"metadata": {"tenant": "a"}, "expand": {"0": "b"}}."""
    form: Json = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        outer, _, inner = name.partition("[")
        if inner:
            form.setdefault(outer, {})[inner.rstrip("]")] = value
        else:
            form[outer] = value
    return form


@contextmanager
def running_fake() -> Iterator[FakeStripe]:
    """A fake on a port of its own."""
    fake = FakeStripe()
    server = _Server(fake)
    fake.base = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield fake
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
