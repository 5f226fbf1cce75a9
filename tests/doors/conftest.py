"""What tests of the doors share: a terminal in folders of its own."""

from pathlib import Path

import pytest

from tests.doors.terminal import Terminal


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    """A terminal with empty folders."""
    return Terminal(tmp_path)
