"""Compiling a plain function, and keeping the machine code for the next process.

A cached loop that went on with an old rule would bill wrongly, and numba's cache sees edits of one file only.
So the folder of the cache carries a digest of every source that the code can come from (feasibility.md 0.2).
"""

from __future__ import annotations

import ast
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from hashlib import sha256
from pathlib import Path
from threading import RLock
from types import FunctionType
from typing import Any, Final, TypeVar

from talktime.settings import read_settings

PACKAGE: Final = "talktime"
RULES: Final = "talktime.core."

KEPT_FOLDERS: Final = 5
"""Folders of one function that stay: those used last."""

KEPT_S: Final = 30 * 86_400
"""How long a folder stays that nobody uses, in seconds."""

_PROBE_BYTES: Final = 1 << 20

# Nothing that is compiled here makes an array, so numba need not count references (`_nrt`): handing columns
# to a helper would cost more than a row. And only the function itself is called from Python.
_HELPER: Final = {"_nrt": False, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}
_INLINE: Final = _HELPER | {"forceinline": True}
_FUNCTION: Final = {"_nrt": False, "no_cfunc_wrapper": True, "nogil": True}

F = TypeVar("F", bound=Callable[..., Any])

_lock = RLock()
_registered: set[Callable[..., Any]] = set()
_compiled: dict[Callable[..., Any], Callable[..., Any]] = {}


def compiled(function: F, inline: Iterable[Callable[..., Any]] = ()) -> F:
    """The function as machine code: it takes integers and arrays, gives up the GIL, and may make no array.

    The functions of the package and of its own module that it calls by name, and so on, are compiled with it;
    those of `core` and of `inline` are put in where they are called. All stay plain Python for every other
    caller. It is compiled for the types of its first call; the code is kept for later processes where the
    cache folder can be written. With NUMBA_DISABLE_JIT set it comes back as it is.
    """
    with _lock:
        if function not in _compiled:
            callees = callees_of(function)
            for callee in callees:
                put_in = callee in inline or callee.__module__.startswith(RULES)
                _register(callee, _INLINE if put_in else _HELPER)
            _compiled[function] = _compile(function, sources_of(function, *callees))
        return _compiled[function]  # type: ignore[return-value] # one entry a function


def callees_of(function: Callable[..., Any]) -> list[FunctionType]:
    """The plain functions that a function calls by name, and those that they call, in the order found."""
    found: list[FunctionType] = []
    waiting = [function]
    while waiting:
        caller: Any = waiting.pop(0)
        for name in caller.__code__.co_names:
            callee = caller.__globals__.get(name)
            ours = isinstance(callee, FunctionType) and _is_ours(callee.__module__, function.__module__)
            if ours and callee is not function and callee not in found:
                found.append(callee)
                waiting.append(callee)
    return found


def _is_ours(module: str, own: str) -> bool:
    return module == own or module.partition(".")[0] == PACKAGE


def is_off() -> bool:
    """Whether NUMBA_DISABLE_JIT asks for plain Python."""
    return bool(_numba().config.DISABLE_JIT)


def _numba() -> Any:
    """The compiler; its types do not know all its options."""
    import numba

    return numba


def _register(function: FunctionType, options: dict[str, bool]) -> None:
    """Lets compiled code call a plain function; numba compiles it with its callers."""
    from numba.extending import register_jitable

    if function not in _registered:
        register_jitable(**options)(function)
        _registered.add(function)


def _compile(function: F, sources: tuple[Path, ...]) -> F:
    numba = _numba()
    folder = None if is_off() else _cache_folder(function.__name__, sources)
    if folder is not None:
        before = numba.config.CACHE_DIR
        numba.config.CACHE_DIR = str(folder)
        try:
            kept: Any = numba.njit(cache=True, **_FUNCTION)(function)
        except RuntimeError as error:  # the folder was lost a moment ago, and there is no other
            if "cannot cache" not in str(error):
                raise
        else:
            # Where numba cannot use the folder it takes one that says nothing of the rules: never that one.
            if Path(kept.stats.cache_path).is_relative_to(folder):
                return kept  # type: ignore[no-any-return] # what it takes and gives stays the same
        finally:
            numba.config.CACHE_DIR = before
    return numba.njit(**_FUNCTION)(function)  # type: ignore[no-any-return] # see above


# --- the folder ------------------------------------------------------------------------------------


def sources_of(*functions: Callable[..., Any]) -> tuple[Path, ...]:
    """Every file of the package that the compiled functions can take code or constants from, in order.

    Their own modules, all modules of the package that those import, and so on; and this one, for its options.
    """
    found: set[Path] = set()
    waiting = [sys.modules[function.__module__].__file__ for function in functions] + [__file__]
    while waiting:
        path = Path(waiting.pop() or "")
        if path in found:
            continue
        found.add(path)
        waiting += [str(imported) for imported in _imported(path)]
    return tuple(sorted(found))


def _imported(path: Path) -> Iterable[Path]:
    """The files of the package that a file imports; `from a import b` may name a module or what is in it."""
    root = Path(__file__).parents[2]
    for node in ast.walk(ast.parse(path.read_bytes())):
        names: list[str] = []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        for name in names:
            if name.partition(".")[0] == PACKAGE:
                base = root.joinpath(*name.split("."))
                yield from (p for p in (base.with_suffix(".py"), base / "__init__.py") if p.is_file())


def digest_of(sources: Iterable[Path]) -> str:
    """A digest of the content of these files and of the compiler's version."""
    digest = sha256(_numba().__version__.encode())
    for path in sources:
        digest.update(sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:32]


def _cache_folder(name: str, sources: tuple[Path, ...]) -> Path | None:
    """The folder of this function and these sources, made; None where it cannot be written."""
    every = read_settings().cache / "compiled"
    folder = every / f"{name}-{digest_of(sources)}"
    try:
        if not folder.is_dir():
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            _forget(every, name, keep=folder)
        if not _is_private(folder):  # what lies in it is run: nobody else may have put it there
            return None
        with tempfile.TemporaryFile(dir=folder) as probe:  # numba does not expect a full disk
            probe.write(bytes(_PROBE_BYTES))
        folder.touch()
    except OSError:
        return None
    return folder


def _is_private(folder: Path) -> bool:
    """Whether the folder is this user's and nobody else may write to it."""
    found = folder.stat()
    return not hasattr(os, "geteuid") or (found.st_uid == os.geteuid() and not found.st_mode & 0o022)


def _forget(every: Path, name: str, keep: Path) -> None:
    """Removes folders of older sources; another process may do the same at the same time."""
    others = [path for path in every.glob(f"{name}-*") if path != keep]
    others.sort(key=_used_at, reverse=True)
    oldest = time.time() - KEPT_S
    for place, path in enumerate(others, 2):
        if place > KEPT_FOLDERS or _used_at(path) < oldest:
            shutil.rmtree(path, ignore_errors=True)


def _used_at(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0.0
