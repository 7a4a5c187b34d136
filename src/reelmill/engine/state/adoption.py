"""Checks that a folder of results is safe to work in: its cache is private, and its contents are
ours.

Contents left by another user, another key or version 0.1.0 could have been made by anybody. A run
does not build on them unless told to (`--adopt`).
"""

from __future__ import annotations

import contextlib
import json
import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from reelmill.core import gate
from reelmill.core.kept import write_kept
from reelmill.core.keys import Seal
from reelmill.core.notices import announce
from reelmill.core.walk import walk
from reelmill.core.written import Owner, Written
from reelmill.engine.state import artifact_store as store
from reelmill.engine.state.lock import FolderLock
from reelmill.engine.state.run_db import Ledger, Original, empty, not_ours, read_foreign, whose
from reelmill.errors import ForeignFolderError, InputError, UsageError

DATABASE = "ledger.sqlite"
_PRIVATE = 0o700
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH


def prepare(
    cache: Path,
    seal: Seal,
    *,
    adopt: bool,
    commands: Mapping[str, str] | None = None,
) -> bool:
    """Create the cache of an output folder, or check that the existing one can be used.

    Args:
        cache: the folder, `.cache` below the output folder.
        seal: of the user's key.
        adopt: take what is not ours as it is, and make it ours.
        commands: which command each stage that writes results for people belongs to.

    Returns:
        Whether something of others was made ours.

    Raises:
        UsageError: others can write to it, it belongs to somebody else, or what is in it is not
            ours and not to be adopted; the database is damaged.
        OSError: it cannot be made.
    """
    is_new = not os.path.lexists(cache)
    check_private(cache, adopt=adopt)
    database = cache / DATABASE
    if is_new:  # whatever is kept there before the run itself begins, it is known to be ours
        Ledger(database, seal).close()
    if (why := whose(database, seal)) is None:
        return False
    if not adopt:
        raise ForeignFolderError(not_ours(database, why))
    lock = FolderLock(cache / "lock")
    lock.acquire()
    try:
        _adopt(cache, seal, commands or {})
    finally:
        lock.release()
    return True


def check_private(cache: Path, *, adopt: bool = False) -> None:
    """Create the cache of an output folder, or check that only its user can change it.

    Raises:
        UsageError: others can write to it, or it belongs to somebody else.
        OSError: it cannot be made.
    """
    _check_parents(cache)
    if not os.path.lexists(cache):
        gate.make_folder(cache)
    _check_owned(cache, adopt=adopt)


def _check_parents(cache: Path) -> None:
    """Check the folders above: whoever can rename one could replace our cache with another."""
    real = Path(os.path.realpath(cache))
    for folder in real.parents:
        with contextlib.suppress(FileNotFoundError):
            mode = folder.stat().st_mode
            if mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
                raise UsageError(
                    f"{folder}: everybody can write there (mode {stat.S_IMODE(mode):o}) and "
                    "could replace the files a run works with; chmod o-w it, or choose "
                    "another folder with -o"
                )


def _check_owned(cache: Path, *, adopt: bool) -> None:
    """Raise UsageError if somebody else could have put files into the cache, or still can."""
    state = cache.lstat()
    if not stat.S_ISDIR(state.st_mode):
        raise UsageError(f"{cache}: not a real folder; remove it, or choose another folder with -o")
    if state.st_uid != os.geteuid():
        raise UsageError(
            f"{cache}: belongs to another user (uid {state.st_uid}), who could change the files "
            "a run works with; choose another folder with -o"
        )
    if state.st_mode & _OTHERS_WRITE and not adopt:
        raise UsageError(
            f"{cache}: others can write there (mode {stat.S_IMODE(state.st_mode):o}), and could "
            "have planted results; choose another folder with -o, or trust what is there with "
            "--adopt"
        )
    if stat.S_IMODE(state.st_mode) != _PRIVATE:
        with contextlib.suppress(PermissionError):  # a file system without permissions
            gate.make_private(cache)
        if cache.stat().st_mode & _OTHERS_WRITE:
            raise UsageError(
                f"{cache}: others can write there, and this file system does not allow changing "
                "that; choose a folder on another file system with -o"
            )


def _adopt(cache: Path, seal: Seal, commands: Mapping[str, str]) -> None:
    """Mark the contents of a cache as ours: results, names of recordings, choices."""
    for path in _all_below(cache):
        if path.lstat().st_uid != os.geteuid():
            raise UsageError(f"{path}: belongs to another user and is not adopted; remove it")
    names, notes = read_foreign(cache / DATABASE)
    empty(cache / DATABASE)
    with contextlib.closing(Ledger(cache / DATABASE, seal)) as ledger:
        for original, name in names.items():
            ledger.put_original(Original(original, name, 0, -1, 0))
        for note, value in notes.items():
            ledger.put_note(note, value)
    adopted = []
    for path in _all_below(store.artifacts(cache)):
        if path.suffix == ".json" and path.is_file() and not path.is_symlink():
            with contextlib.suppress(InputError):  # damaged: made again when needed
                adopted.append(store.reseal(path, seal))
    for path in (cache / "people.json", *sorted((cache / "people").glob("*.json"))):
        with contextlib.suppress(OSError, ValueError, TypeError, RecursionError):
            write_kept(path, json.loads(path.read_text("utf-8")))
    gate.adopt(cache.parent, _written(adopted, cache.parent, commands))
    announce(
        f"{len(adopted)} results found in {cache} are trusted as they are (--adopt); nobody can "
        "tell whether they were changed earlier"
    )


def _written(
    adopted: Iterable[store.Adopted], out: Path, commands: Mapping[str, str]
) -> Iterator[Written]:
    """Record the exported files that adopted results list, so that later runs may replace them
    while they are unchanged."""
    for one in adopted:
        source = os.path.relpath(os.path.realpath(one.source), os.path.realpath(out))
        owner = Owner(commands.get(one.stage, ""), source, one.content)
        for file in one.artifact.summary().exported:
            yield Written(file.path, file.sha256, file.size, owner)


def _all_below(folder: Path) -> Iterator[Path]:
    for parent, folders, files in walk(folder):
        for name in sorted([*folders, *files]):
            yield Path(parent, name)
