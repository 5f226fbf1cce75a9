"""A pulled plug, played on one folder: what was written and not synced is gone.

Killing a process loses nothing that it wrote, since the system keeps it; so a kill cannot show whether a
commit was on the disk when it was acknowledged. The library `power_cut.c` is loaded into the process that
writes (`build`, `environment`) and keeps an undo log. When the process is dead, `drop_unsynced` plays the log
backwards, newest first: every write and truncate that no fsync or fdatasync of the same file followed is
undone, and the -shm files, which live in memory, are removed.

What it takes to be on the disk at once: that a file was made (without its bytes), unlinked or renamed. A disk
may lose these too until the folder is synced, so nothing about syncs of folders can be shown with it. What it
drops: all unsynced bytes; a disk may keep some of them. What it does not see: writes through a memory map,
writev, pwritev, fallocate, copy_file_range, sendfile, io_uring, O_SYNC, C's stdio, and programs linked
statically. SQLite, as Python loads it, uses none of them for its database and its journals (memory maps only
for -shm). One log is for one process that writes.
"""

import os
import shutil
import struct
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

SOURCE = Path(__file__).with_name("power_cut.c")
_RECORD = struct.Struct("=5Q")


class Record(NamedTuple):
    """One record of the log: its kind as a letter, the file's inode, and what stood at an offset before."""

    kind: str
    inode: int
    offset: int
    size_before: int
    content: bytes


class Dropped(NamedTuple):
    """What a power cut took from one file: how many writes and truncates were undone, oldest first."""

    path: Path
    undone: tuple[Record, ...]


def why_not() -> str | None:
    """Why a power cut cannot be played on this machine, as a sentence; nothing where it can."""
    if not sys.platform.startswith("linux"):
        return "a power cut is played by LD_PRELOAD, which needs Linux"
    if shutil.which("cc") is None:
        return "a power cut is played by a library that a C compiler (cc) builds, and there is none"
    return None


def build(into: Path) -> Path:
    """Compiles the library into a folder; gives its path."""
    library = into / "power_cut.so"
    options = ["-Wall", "-Wextra", "-O1", "-shared", "-fPIC", "-pthread"]
    command = ["cc", *options, "-o", str(library), str(SOURCE), "-ldl"]
    subprocess.run(command, check=True)
    return library


def environment(library: Path, folder: Path, log: Path) -> dict[str, str]:
    """The environment of this process, and in it what makes a child keep the log. The log lies elsewhere."""
    if log.resolve().is_relative_to(folder.resolve()):
        raise ValueError(f"The log {log} lies in {folder}, the folder that is watched. Put it elsewhere.")
    return {
        **os.environ,
        "LD_PRELOAD": str(library),
        "TALKTIME_POWER_CUT": str(folder),
        "TALKTIME_POWER_CUT_LOG": str(log),
    }


def drop_unsynced(folder: Path, log: Path) -> tuple[Dropped, ...]:
    """Undoes what was not synced, newest first; removes the -shm files; empties the log.

    The process that wrote has to be dead. Gives what was undone, by file. Raises ValueError where the log
    does not start as the library starts it: then it was not loaded, and nothing would be lost however little
    was synced.
    """
    records = tuple(_read(log))
    if not records or records[0].kind != "S":
        raise ValueError(
            f"{log} holds no record: the process ran without the library. Give it environment()."
        )
    names, pending = _unsynced(records)
    dropped = []
    for inode, undone in pending.items():
        path = folder / names[inode]
        _undo(path, undone)
        dropped.append(Dropped(path, tuple(undone)))
    for shm in folder.rglob("*-shm"):
        shm.unlink()
    log.write_bytes(b"")
    return tuple(dropped)


def _read(log: Path) -> Iterator[Record]:
    """The records in order. A last one that is cut belongs to a write that did not happen any more."""
    content = log.read_bytes() if log.exists() else b""
    at = 0
    while at + _RECORD.size <= len(content):
        kind, inode, offset, size_before, length = _RECORD.unpack_from(content, at)
        at += _RECORD.size
        if at + length > len(content):
            return
        yield Record(chr(kind), inode, offset, size_before, content[at : at + length])
        at += length


def _unsynced(records: tuple[Record, ...]) -> tuple[Mapping[int, str], Mapping[int, list[Record]]]:
    """By inode: the name of each file that has one, and its writes after its last sync, oldest first."""
    names: dict[int, str] = {}
    pending: dict[int, list[Record]] = {}
    for record in records:
        inode = record.inode
        match record.kind:
            case "S":
                pass
            case "F" | "R":
                name = os.fsdecode(record.content)
                if record.kind == "F" and names.get(inode, name) != name:
                    pending.pop(inode, None)  # the number came back as another file
                names[inode] = name
            case "W":
                pending.setdefault(inode, []).append(record)
            case "Y":
                pending.pop(inode, None)
            case "G":
                pending.pop(inode, None)
                names.pop(inode, None)
            case unknown:
                raise ValueError(
                    f"The log holds a record of the unknown kind {unknown!r}: it is no such log."
                )
    return names, pending


def _undo(path: Path, undone: list[Record]) -> None:
    """Puts back what stood before each of the writes of one file, newest first."""
    if not path.exists():  # unlinked at the instant of death: its name went, the record did not come
        return
    with path.open("r+b") as file:
        for record in reversed(undone):
            file.truncate(record.size_before)
            file.seek(record.offset)
            file.write(record.content)
            file.flush()
