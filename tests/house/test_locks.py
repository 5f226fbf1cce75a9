"""The locks pin everything by hash, name no place to download from, and agree with pyproject.toml."""

import re
from typing import Final

import pytest

from tests.house.tree import ROOT, settings

RUNTIME: Final = "requirements.lock"
DEVELOPMENT: Final = "requirements-dev.lock"
SPARK: Final = "requirements-spark.lock"
LOCKS: Final = (RUNTIME, DEVELOPMENT, SPARK)
PIN = re.compile(r"(?P<name>[a-z0-9][a-z0-9-]*)==(?P<version>\S+)(?P<marker> ; [^\\]+)?")
HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}")

Pin = tuple[str, str]


def pins(text: str) -> dict[Pin, int]:
    """(name, version) -> number of hashes, of one lock. Raises ValueError on a line that is neither."""
    found: dict[Pin, int] = {}
    current: Pin | None = None
    for number, line in enumerate(text.splitlines(), 1):
        word = line.strip().removesuffix("\\").strip()
        if not word or word.startswith("#"):
            continue
        if match := PIN.fullmatch(word):
            current = match["name"], match["version"]
            found[current] = 0
        elif HASH.fullmatch(word) and current is not None:
            found[current] += 1
        else:
            raise ValueError(f"line {number}: neither a pin nor a hash: {line!r}")
    return found


def names(requirements: list[str]) -> set[str]:
    """The distributions that a list of requirements asks for, in the spelling of the locks."""
    return {re.sub(r"[-_.]+", "-", re.split(r"[^\w.-]", each)[0]).lower() for each in requirements}


def read(lock: str) -> dict[Pin, int]:
    return pins((ROOT / lock).read_text("utf-8"))


def test_pins_and_hashes_are_told_apart() -> None:
    digest = f"--hash=sha256:{'0' * 64}"
    text = f"# made by\na==1 \\\n    {digest} \\\n    {digest}\n    # via b\nb-c==2.0 ; os_name == 'nt' \\\n"
    assert pins(text) == {("a", "1"): 2, ("b-c", "2.0"): 0}
    for line in ("--index-url https://example.com/simple", "a>=1", "a @ https://example.com/a.whl", "-e ."):
        with pytest.raises(ValueError, match="neither a pin nor a hash"):
            pins(line)
    assert names(["typer>=0.29", "Ruamel.Yaml[x]~=1", "a_b"]) == {"typer", "ruamel-yaml", "a-b"}


@pytest.mark.parametrize("lock", LOCKS)
def test_every_pin_has_hashes(lock: str) -> None:
    assert [pin for pin, hashes in read(lock).items() if not hashes] == []


def test_the_runtime_lock_holds_what_the_package_asks_for() -> None:
    project, groups = settings()["project"], settings()["dependency-groups"]
    asked = names(project["dependencies"]) | names(groups["build"])
    locked = {name for name, _ in read(RUNTIME)}
    assert asked <= locked
    # Tools stay out of what a user installs.
    assert not names(groups["dev"]) & locked
    assert settings()["build-system"]["requires"] == groups["build"]


def test_the_development_lock_is_the_runtime_lock_and_the_tools() -> None:
    development = read(DEVELOPMENT)
    assert set(read(RUNTIME)) <= set(development)
    assert names(settings()["dependency-groups"]["dev"]) <= {name for name, _ in development}


def test_the_lock_of_spark_adds_to_the_development_lock() -> None:
    """It is installed over the tools: nothing that they share may change its version."""
    project, spark, development = settings()["project"], read(SPARK), read(DEVELOPMENT)
    asked = names(project["optional-dependencies"]["spark"])
    assert names(project["dependencies"]) | asked <= {name for name, _ in spark}
    versions = {name: version for name, version in development}  # noqa: C416 - its keys are pairs
    assert {(name, version) for name, version in spark if versions.get(name, version) != version} == set()
    assert not asked & {name for name, _ in development}


@pytest.mark.parametrize("lock", LOCKS)
def test_one_version_of_each_library_on_every_machine(lock: str) -> None:
    locked = [name for name, _ in read(lock)]
    assert sorted(set(locked)) == sorted(locked)
