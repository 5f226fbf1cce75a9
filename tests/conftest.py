"""What every test may use: profiles of generated examples, and the data from outside.

`make test` runs the profile `quick` (few examples, always the same); `make test-long` runs `long`. Chosen by
`--hypothesis-profile`. Data that is not ours lies beside the repository and is never copied into it.
"""

import atexit
import os
import shutil
import signal
import tempfile
from pathlib import Path

import certifi
import psutil
import pytest
from hypothesis import HealthCheck, settings

from tests.examples import QUICK
from tests.kept_routes import keep_routes

pytest_plugins = ["tests.databases"]  # databases of both kinds, made when a test asks for one

SHARED_DATA = Path(__file__).resolve().parents[1] / "../shared/data"

# Machines share their cores, so neither a slow example nor slow generation is a failure.
_PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)
settings.register_profile("quick", _PATIENT, max_examples=QUICK, derandomize=True)
settings.register_profile("ci", _PATIENT, max_examples=200)
settings.register_profile("long", _PATIENT, max_examples=2_000)
settings.load_profile("quick")


# Through HTTP and the demo the other database is walked whole by `make test-long`: that both stores behave
# alike is held by tests/ledger, tests/live and tests/funding; purchases go through HTTP on both every time.
ONE_STORE_IS_ENOUGH = frozenset({"tests/demo/test_retell.py"}) | frozenset(
    f"tests/doors/http/test_{name}.py"
    for name in (
        "as_person gateway_events months papers people post_usage previews provider rates recharge reports"
        " seed_story settings tickets usage webhooks what_if plans"
    ).split()
)


MEMORY = Path("/dev/shm")
MEMORY_BYTES = 4 << 30
"""Free there and in the machine, or nothing is put there; a whole run takes about one."""


def has_memory_to_spare() -> bool:
    """Whether files may lie in memory: a file system for that which runs programs, with much room."""
    if not MEMORY.is_dir() or not os.access(MEMORY, os.W_OK):
        return False
    kept = os.statvfs(MEMORY)
    is_for_programs = not kept.f_flag & os.ST_NOEXEC
    free = min(kept.f_bavail * kept.f_frsize, psutil.virtual_memory().available)
    return is_for_programs and free >= MEMORY_BYTES


def files_in_memory(config: pytest.Config) -> None:
    """Databases, and all that tests write, lie in memory until the end, where a commit waits for no disk.

    What was acknowledged has been given to the disk: tests/faults hold that by what a process asks of the
    system, and it asks here all the same. Where TMPDIR is set, files lie there and stay, to be looked at.
    """
    if "TMPDIR" in os.environ or hasattr(config, "workerinput") or not has_memory_to_spare():
        return
    folder = Path(tempfile.mkdtemp(prefix="tt-", dir=MEMORY))
    folder.chmod(0o755)  # PostgreSQL runs as somebody else where we are root
    os.environ["TMPDIR"] = tempfile.tempdir = str(folder)
    # No cleanup of pytest's: database servers end when the interpreter does, and need their files.
    atexit.register(shutil.rmtree, folder, ignore_errors=True)


END_OF_CERTIFICATE = "-----END CERTIFICATE-----\n"


def pytest_configure(config: pytest.Config) -> None:
    """Files lie in memory; whoever asks for the authorities of the world gets one of them.

    Nothing here speaks to the world, and to read all of them takes 80 ms each time that somebody makes an
    HTTP client, here and in our processes.
    """
    files_in_memory(config)
    first, end, _ = Path(certifi.where()).read_text("ascii").partition(END_OF_CERTIFICATE)
    with tempfile.NamedTemporaryFile("w", suffix=".pem", delete=False) as file:
        file.write(first + end)
    config.add_cleanup(lambda: Path(file.name).unlink(missing_ok=True))
    os.environ["SSL_CERT_FILE"] = file.name
    keep_routes()
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # A shell starts what it leaves in the background so, and all that we start would be deaf to Ctrl-C.
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A test that asks for the data from outside carries the marker that says so.

    Those that repeat a walk through HTTP on PostgreSQL are long.
    """
    for item in items:
        module, _, name = item.nodeid.partition("::")
        if module in ONE_STORE_IS_ENOUGH and "[postgresql" in name:
            item.add_marker("long")
        if "shared_data" in getattr(item, "fixturenames", ()):
            item.add_marker("shared")


@pytest.fixture
def shared_data(request: pytest.FixtureRequest) -> Path:
    """The folder ../shared/data, seen from the repository; the test is skipped by name where it is absent."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"{request.node.name} reads ../shared/data, which is not on this machine")
    return SHARED_DATA.resolve()
