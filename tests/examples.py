"""How many examples a slow test draws, beside those of its profile."""

from hypothesis import settings

QUICK = 40
"""Examples of the profile `quick`, as `make test` runs it (tests/conftest.py)."""


def twice_unless_quick() -> int:
    """Twice the examples of the profile; in `quick` as many as any test: others draw the same months."""
    examples = settings().max_examples
    return examples if examples <= QUICK else 2 * examples
