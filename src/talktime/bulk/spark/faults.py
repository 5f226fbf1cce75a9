"""What goes wrong in a task, as the sentence that it would be on one machine.

Spark tells the driver of a failed task by a text with the traceback of Python in it. Faults that are
sentences for people are found there and raised again; all others stay what they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from talktime.bulk.options import RefusedRun
from talktime.files.report import ReportError
from talktime.files.usage import UnusableFile

_SENTENCES: Final[dict[str, type[Exception]]] = {
    "talktime.bulk.options.RefusedRun": RefusedRun,
    "talktime.files.report.ReportError": ReportError,
    "talktime.files.usage.UnusableFile": UnusableFile,
    "talktime.files.usage.NotUsage": UnusableFile,
}

_RAISED: Final = re.compile(rf"^\s*({'|'.join(re.escape(name) for name in _SENTENCES)}): (.+)$", re.MULTILINE)


@contextmanager
def faults_told() -> Iterator[None]:
    """Raises RefusedRun, ReportError or UnusableFile as the task raised it."""
    from pyspark.errors import PySparkException

    try:
        yield
    except PySparkException as problem:
        found = _RAISED.search(str(problem))
        if found is None:
            raise
        raise _SENTENCES[found[1]](found[2].strip()) from None
