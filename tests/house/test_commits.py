"""Nothing in the repository names a package registry's host or a path of the machine it was written on."""

import re
from collections.abc import Iterator

import pytest

from tests.house.tree import offences, repository_files

# Put together here, so that this file does not hold what it looks for.
HOSTS = [
    ".".join(parts)
    for parts in [
        ("files", "pythonhosted"),
        ("pypi", "org"),
        ("registry", "npmjs"),
        ("registry", "yarnpkg"),
        ("conda", "anaconda"),
        ("deb", "debian"),
        ("proxy", "golang"),
        ("crates", "io"),
        ("index", "docker"),
    ]
]
FOLDERS = ["work", "home", "root", "farm", "Users"]
HOST = re.compile("|".join(re.escape(host) for host in HOSTS), re.IGNORECASE)
# Nothing before the slash may make it a part of a longer path, or the folder the host of an address.
PATH = re.compile(rf"(?<![\w.~}}-])(?<!:/)/(?:{'|'.join(FOLDERS)})/")


def traces(text: str) -> Iterator[str]:
    """Names each line with a registry host or an absolute path of a machine."""
    for number, line in enumerate(text.splitlines(), 1):
        for found in (HOST.search(line), PATH.search(line)):
            if found:
                yield f"line {number}: {found.group()}"


@pytest.mark.parametrize("host", HOSTS)
def test_a_host_is_found(host: str) -> None:
    assert list(traces(f"first\n--index-url https://{host.upper()}/simple")) == [f"line 2: {host.upper()}"]


@pytest.mark.parametrize("folder", FOLDERS)
@pytest.mark.parametrize("before", ["", "see ", '"', "(", "=", "file://", "sqlite:///"])
def test_a_path_is_found(folder: str, before: str) -> None:
    assert list(traces(f"{before}/{folder}/x")) == [f"line 1: /{folder}/"]


@pytest.mark.parametrize(
    "text", ["../shared/data", "~/.cache", "docs/home/page", "https://example.com/home/x", "http://home/x"]
)
def test_what_is_no_trace_passes(text: str) -> None:
    assert list(traces(text)) == []


def test_no_file_names_a_registry_or_a_machine() -> None:
    files = repository_files()
    assert files
    assert offences(files, traces) == []
