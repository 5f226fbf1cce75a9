"""A session of Spark for one run: quiet, with our environment in its workers, refused by one sentence.

PySpark is an extra and needs Java; both are asked for before anything starts, and so is a master that
nobody answers for.
"""

from __future__ import annotations

import os
import shutil
import socket
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from talktime.settings import read_settings

INSTALL: Final = "pip install 'talktime[spark]'"

LOCAL: Final = "local[*]"
"""The master where nobody names one."""

CONNECT_S: Final = 5
"""How long the machine of a master may take to answer."""

_SUBMITTED: Final = "PYSPARK_GATEWAY_PORT"
"""What spark-submit leaves in the environment: it has a master and its settings already."""

_QUIET: Final = {
    "spark.ui.enabled": "false",
    "spark.sql.execution.arrow.maxRecordsPerBatch": "50000",
    "spark.python.worker.reuse": "true",
}


class NoSpark(Exception):  # noqa: N818 - a sentence for people
    """Spark cannot be used; the message is one sentence: why, what to do."""


def check_spark(master: str | None) -> None:
    """Raises NoSpark where PySpark or Java is missing, or nobody answers for the master."""
    for module in ("pyspark", "pandas"):
        if find_spec(module) is None:
            raise NoSpark(f"--engine spark needs {module}, which is not installed; install it: {INSTALL}")
    if _java() is None:
        raise NoSpark(
            "--engine spark needs Java 17 or newer, and there is none; install one, or set JAVA_HOME to it"
        )
    for host, port in _addresses(master or ""):
        _connect(master or "", host, port)


def _java() -> str | None:
    home = os.environ.get("JAVA_HOME")
    return shutil.which("java", path=str(Path(home) / "bin") if home else None)


def _addresses(master: str) -> Iterator[tuple[str, int]]:
    """The machines of a standalone master: spark://one:7077,two:7077."""
    if not master.startswith("spark://"):
        return
    for place in master.removeprefix("spark://").split(","):
        host, colon, port = place.rpartition(":")
        if not (colon and host and port.isascii() and port.isdigit() and int(port) < 2**16):
            raise NoSpark(f"--master {master}: write spark://HOST:PORT")
        yield host, int(port)


def _connect(master: str, host: str, port: int) -> None:
    try:
        socket.create_connection((host, port), CONNECT_S).close()
    except OSError as problem:
        raise NoSpark(
            f"--master {master}: {host}:{port} does not answer ({problem.strerror or problem}); start the "
            "master, or name another"
        ) from None


@contextmanager
def open_session(master: str | None = None) -> Iterator[Any]:
    """A session that ends with the run; one that was there before is used and stays.

    Raises NoSpark.
    """
    check_spark(master)
    from pyspark.sql import SparkSession

    known = SparkSession.getActiveSession()
    if known is not None:
        yield known
        return
    with _quiet_machine() as noise:
        spark = _started(master, noise)
        try:
            spark.sparkContext.setLogLevel("ERROR")
            yield spark
        finally:
            spark.stop()


def settings_for(master: str | None) -> dict[str, str]:
    """What we ask of Spark: few words, and workers that find this package and the compiled loops."""
    settings = dict(_QUIET)
    settings["spark.ui.showConsoleProgress"] = "true" if sys.stderr.isatty() else "false"
    settings["spark.executorEnv.PYTHONPATH"] = _package_path()
    settings["spark.executorEnv.TALKTIME_CACHE"] = str(read_settings().cache.absolute())
    settings["spark.executorEnv.POLARS_MAX_THREADS"] = "1"  # as many tasks as cores run beside each other
    if (master or LOCAL).startswith("local"):
        settings["spark.driver.bindAddress"] = settings["spark.driver.host"] = "127.0.0.1"
    return settings


def _package_path() -> str:
    """Where workers of this machine find the package, before what they find by themselves."""
    own = str(Path(__file__).resolve().parents[3])
    others = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path and path != own]
    return os.pathsep.join([own, *others])


def _started(master: str | None, noise: Path | None) -> Any:
    from py4j.protocol import Py4JError
    from pyspark import SparkConf, SparkContext
    from pyspark.errors import PySparkException
    from pyspark.java_gateway import launch_gateway
    from pyspark.sql import SparkSession

    if _SUBMITTED in os.environ:
        SparkContext._ensure_initialized()  # or what spark-submit was told would not be in the settings
    conf = SparkConf()
    if master or _SUBMITTED not in os.environ:
        conf.setMaster(master or LOCAL)
    conf.setIfMissing("spark.app.name", "talktime rate")
    for name, value in settings_for(conf.get("spark.master")).items():
        conf.setIfMissing(name, value)
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    try:
        with noise.open("wb") if noise else nullcontext() as stream:
            known = _SUBMITTED in os.environ or SparkContext._gateway is not None
            gateway = None if known else launch_gateway(conf, {"stderr": stream})
        return SparkSession(SparkContext(conf=conf, gateway=gateway))
    except (Py4JError, PySparkException) as problem:
        raise NoSpark(
            f"--master {master or LOCAL} cannot be used: {_reason(problem)}; name another"
        ) from None


def _reason(problem: Exception) -> str:
    """The line that says why, of all that Java says."""
    java = getattr(problem, "java_exception", None)
    lines = str(java if java is not None else problem).strip().splitlines()
    return (lines[0] if lines else type(problem).__name__).rstrip(".; ")


@contextmanager
def _quiet_machine() -> Iterator[Path | None]:
    """A file for what Java says on standard error while nobody looks; None on a terminal."""
    if sys.stderr.isatty():
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="talktime-") as folder:
        yield Path(folder) / "java"
