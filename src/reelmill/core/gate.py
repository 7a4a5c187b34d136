"""The write gate: the only code through which Reelmill writes, replaces and removes files.

Every call names a file below a place that was opened here: an output folder, or a folder of the
user's own (caches, configuration). Files elsewhere cannot be touched. In an output folder

- no name takes the place of a file that we did not write there, that a person has changed since,
  that is a recording of the run, or that is another recording's or command's result;
- no link is followed below the folder, whatever it leads to;
- what is removed is a result we recorded, or a file of ours in the cache by its full name.

Worker processes get the places with `places` and open them with `enter`. Nothing but the standard
library is needed here: a model worker may run in another environment.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import itertools
import os
import re
import shutil
import stat as stat_module
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO

from reelmill.core.written import RECORD, Owner, Record, Written, digest_of
from reelmill.errors import NotOursError

#: The folder, in an output folder, that holds everything except results.
CACHE = ".cache"
#: Device and inode of a file.
FileId = tuple[int, int]

#: The results to which lines are only ever added, at the top of an output folder.
APPENDED = frozenset({"custody.jsonl"})
#: Below the cache: files that do not have their final names yet.
TEMPORARY = "tmp"
_DATABASE = "ledger.sqlite"
#: Below the cache: what is known about the pictures of `--people`, which are read before a run
#: starts.
KNOWN_PEOPLE = "people"
#: What a run creates in the cache before the record and the database exist.
_OF_A_BEGINNING = frozenset({"lock", TEMPORARY, RECORD, KNOWN_PEOPLE, "claims", "workers"})
#: The errors with which file systems report that they have no hard links.
_NO_HARD_LINKS = frozenset({errno.EPERM, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP})
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_PRIVATE = 0o700


@dataclass(frozen=True, slots=True)
class _Known:
    """An original as it was when its run started."""

    paths: tuple[str, ...]
    size: int
    mtime_ns: int

    def is_still(self, id_of: FileId, stat: os.stat_result) -> bool:
        """Whether the file with this inode number is the original, whatever its current name is.
        After a file is deleted, file systems reuse its number for the next file, which may be a
        result."""
        same = (stat.st_size, stat.st_mtime_ns) == (self.size, self.mtime_ns)
        return same or id_of in _ids(map(Path, self.paths))


@dataclass(frozen=True)
class Place:
    """A folder in which Reelmill writes.

    `given` is the path that callers use, and `real` is where it leads. `command` is the command
    whose results an output folder receives, `originals` are the recordings of the run, and `key`
    seals the record.
    """

    given: str
    real: str
    is_output: bool = False
    command: str = ""
    originals: Mapping[FileId, _Known] = field(default_factory=dict)
    key: bytes | None = field(default=None, repr=False)


@dataclass
class _Opened:
    """An output folder as blocks of `output` have it open, each with a place of its own. `before`
    is what was open before them: a worker process has the places of its parent."""

    before: Place | None
    blocks: dict[object, Place] = field(default_factory=dict)

    def put(self, block: object, place: Place) -> None:
        """Add a block. A run opens its folder twice, and has its originals once in memory."""
        alike = (one.originals for one in self.blocks.values() if one.originals == place.originals)
        self.blocks[block] = replace(place, originals=next(alike, place.originals))

    def place(self) -> Place | None:
        """What all blocks together have open: for the results of the newest, with the originals of
        all; what was open before them if they have ended."""
        newest = next(reversed(self.blocks.values()), self.before)
        if newest is None or all(one.originals is newest.originals for one in self.blocks.values()):
            return newest
        originals = {
            id_of: one for it in self.blocks.values() for id_of, one in it.originals.items()
        }
        return replace(newest, originals=originals)


_places: dict[str, Place] = {}
_opened: dict[str, _Opened] = {}
_records: dict[str, Record] = {}
_mutex = threading.RLock()


# -- places


@contextlib.contextmanager
def output(
    out: Path, command: str, originals: Iterable[Path], key: bytes | None = None
) -> Iterator[None]:
    """During the block, results of `command` can be written below `out`. The `originals` can never
    be written, wherever they are and whatever their names. Several blocks, in one or in several
    threads, can have the same folder open; it closes when the last of them ends.

    Raises:
        OSError: the folder cannot be made.
    """
    place = Place(
        os.path.abspath(out), os.path.realpath(out), True, command, _known(originals), key
    )
    Path(place.real).mkdir(parents=True, exist_ok=True)
    block = object()
    with _mutex:
        opened = _opened.setdefault(place.given, _Opened(_places.get(place.given)))
        opened.put(block, place)
        _refresh(place.given)
    try:
        yield
    finally:
        with _mutex:
            del opened.blocks[block]
            _refresh(place.given)


def _refresh(given: str) -> None:
    """Blocks of an output folder have changed."""
    opened = _opened[given]
    if not opened.blocks:
        del _opened[given]
    if (place := opened.place()) is not None:
        _places[given] = place
    else:
        _records.pop(_places.pop(given).real, None)


def protect(out: Path, originals: Sequence[Path]) -> None:
    """Add recordings to a run on `out`. If one is an earlier result of ours, the record marks it as
    an original that must not be replaced from now on, also in processes that are already running.

    Raises:
        OSError: that cannot be noted.
    """
    with _mutex:
        given = os.path.abspath(out)
        known = _known(originals)
        if given in _opened:  # it is not said in whose block, so for as long as any is open
            opened = _opened[given]
            blocks, opened.blocks = opened.blocks, {}
            for block, one in blocks.items():
                opened.put(block, _with(one, known))
            _refresh(given)
        else:
            _places[given] = _with(_places[given], known)
        place = _places[given]
    record = _record(place)
    given_names = {path.name for path in originals}
    names = {name for path in record.paths() if (name := path.rpartition("/")[2]) in given_names}
    marks = []
    for path in originals:
        if path.name in names:
            entries = record.entries(os.path.relpath(os.path.realpath(path), place.real))
            marks += [replace(one, original=True) for one in entries[-1:]]
    record.add(marks, lambda: _open_record(place))


def _with(place: Place, known: Mapping[FileId, _Known]) -> Place:
    return replace(place, originals={**place.originals, **known})


def own(folder: Path) -> Path:
    """Open a folder of the user's own, where only programs of this user write, and return it."""
    given = os.path.abspath(folder.expanduser())
    with _mutex:
        _places.setdefault(given, Place(given, os.path.realpath(given)))
    return folder


def places() -> tuple[Place, ...]:
    """The places to pass to a worker process."""
    with _mutex:
        return tuple(_places.values())


def places_of(out: Path) -> tuple[Place, ...]:
    """As `places`, but of all output folders only this one."""
    given = os.path.abspath(out)
    return tuple(one for one in places() if not one.is_output or one.given == given)


def places_without_keys() -> tuple[Place, ...]:
    """All places, for a process that writes no results and runs other people's libraries."""
    return without_keys(places())


def without_keys(given: Iterable[Place]) -> tuple[Place, ...]:
    """Places for a process that writes no results and runs other people's libraries."""
    return tuple(replace(place, key=None) for place in given)


def enter(given: Iterable[Place]) -> None:
    """Open in a worker process the places that are open in its parent."""
    with _mutex:
        for place in given:
            _places[place.given] = place


def leave(given: Iterable[Place]) -> None:
    """Close output folders in a worker process, when their run has ended. The user's own folders
    stay open."""
    with _mutex:
        for place in given:
            if place.is_output:
                _places.pop(place.given, None)
                _records.pop(place.real, None)


def is_original(path: Path) -> bool:
    """Whether a path names a recording of the run."""
    try:
        return _is_original(os.stat(path))
    except (OSError, ValueError):
        return False


def _is_original(stat: os.stat_result) -> bool:
    id_of = (stat.st_dev, stat.st_ino)
    found = [place.originals[id_of] for place in places() if id_of in place.originals]
    return any(known.is_still(id_of, stat) for known in found)


def _known(paths: Iterable[Path]) -> dict[FileId, _Known]:
    """Originals by their identity in the file system, because several names may lead to one
    file."""
    found: dict[FileId, _Known] = {}
    for path in paths:
        with contextlib.suppress(OSError, ValueError):
            stat = os.stat(path)
            id_of = (stat.st_dev, stat.st_ino)
            before = found[id_of].paths if id_of in found else ()
            found[id_of] = _Known((*before, str(path)), stat.st_size, stat.st_mtime_ns)
    return found


def _ids(paths: Iterable[Path]) -> list[FileId]:
    found = []
    for path in paths:
        with contextlib.suppress(OSError, ValueError):
            stat = os.stat(path)
            found.append((stat.st_dev, stat.st_ino))
    return found


def claim(out: Path) -> None:
    """Claim an output folder's cache as ours, while nobody else writes there. From then on the
    record says so. A long record is compacted.

    Raises:
        NotOursError: the cache is another program's.
        OSError: the record cannot be written.
    """
    refuse_foreign_cache(out)
    place = _places[os.path.abspath(out)]
    record = _record(place)
    if not record.is_ours():
        record.add([Written("", "", 0)], lambda: _open_record(place))
    elif (shorter := record.compacted()) is not None:
        temporary = Path(place.given, CACHE, TEMPORARY, f"{RECORD}.{os.getpid()}")
        discard(temporary)
        with os.fdopen(create(temporary), "wb") as file:
            file.write(shorter)
            file.flush()
            os.fsync(file.fileno())
        settle(temporary, record.path)
        record.reread()


def refuse_foreign_cache(out: Path) -> None:
    """Raise NotOursError if the contents of an output folder's cache were not made by Reelmill: it
    has no record or database of ours, and more than a run leaves that was killed at its start."""
    cache = Path(out, CACHE)
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        names = {path.name for path in cache.iterdir()} - _OF_A_BEGINNING
        known = _DATABASE in names or record_of(out).is_ours()
        if names and not known:
            shown = ", ".join(sorted(names)[:3])
            raise NotOursError(
                f"{cache}: contains files that Reelmill did not write ({shown}); nothing was "
                "written: choose another folder with -o, or move these files"
            )


# -- where a path leads


@dataclass(frozen=True)
class _Spot:
    """A file's place, the folders on the way to it, and its name."""

    place: Place
    folders: tuple[str, ...]
    name: str

    @property
    def path(self) -> Path:
        return Path(self.place.given, *self.folders, self.name)

    @property
    def relative(self) -> str:
        return "/".join((*self.folders, self.name))

    @property
    def is_result(self) -> bool:
        return self.place.is_output and (*self.folders, self.name)[0] != CACHE


def _spot(path: Path) -> _Spot:
    """Find the place of a path. Raises NotOursError for a path outside all places."""
    full = os.path.abspath(path)
    found: Place | None = None
    inside = ""
    for place in places():
        for root in dict.fromkeys((place.given, place.real)):
            if full.startswith(root.rstrip(os.sep) + os.sep) and (
                found is None or len(root) > len(inside)
            ):
                found, inside = place, root
    if found is None or "\0" in full:
        raise NotOursError(
            f"{path}: outside the folders this run may write to; nothing was changed"
        )
    *folders, name = full[len(inside) :].strip("/").split("/")
    return _Spot(found, tuple(folders), name)


@contextlib.contextmanager
def _folder_of(spot: _Spot, *, make: bool) -> Iterator[int]:
    """Open the folder that contains a file, without following links below the place, and return its
    descriptor.

    Raises:
        NotOursError: a link, or no folder, stands on the way.
        OSError: it is not there, or cannot be made.
    """
    try:
        descriptor = os.open(spot.place.real, _FOLDER | os.O_NOFOLLOW)
    except FileNotFoundError:
        if not make:
            raise
        Path(spot.place.real).mkdir(parents=True, exist_ok=True)
        descriptor = os.open(spot.place.real, _FOLDER | os.O_NOFOLLOW)
    try:
        for depth, name in enumerate(spot.folders):
            deeper = _step(spot, depth, name, descriptor, make)
            os.close(descriptor)
            descriptor = deeper
        yield descriptor
    finally:
        os.close(descriptor)


def _step(spot: _Spot, depth: int, name: str, parent: int, make: bool) -> int:
    follow = 0 if not spot.place.is_output else os.O_NOFOLLOW
    try:
        try:
            return os.open(name, _FOLDER | follow, dir_fd=parent)
        except FileNotFoundError:
            if not make:
                raise
            mode = _PRIVATE if spot.place.is_output and (depth, name) == (0, CACHE) else 0o777
            with contextlib.suppress(FileExistsError):
                os.mkdir(name, mode, dir_fd=parent)
            return os.open(name, _FOLDER | follow, dir_fd=parent)
    except OSError as error:
        if error.errno not in (errno.ENOTDIR, errno.ELOOP):
            raise
        at = Path(spot.place.given, *spot.folders[: depth + 1])
        what = "is a link" if at.is_symlink() else "is not a folder"
        raise NotOursError(
            f"{at}: {what}, but results would be written there; nothing was written: remove or "
            "rename it, or choose another folder with -o"
        ) from error


def _stat(folder: int, name: str) -> os.stat_result | None:
    try:
        return os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return None


# -- what is ours


def record_of(out: Path) -> Record:
    """The record of an open output folder."""
    return _record(_places[os.path.abspath(out)])


def _record(place: Place) -> Record:
    with _mutex:
        if place.real not in _records:
            _records[place.real] = Record(Path(place.real, CACHE, RECORD), place.key)
        return _records[place.real]


def owner_in(place: Place, source: Path | None, content: str = "") -> Owner:
    """The owner of a new result: the current command and the recording it belongs to."""
    if source is None:
        return Owner()
    name = os.path.relpath(os.path.realpath(source), place.real)
    return Owner(place.command, name, content)


def was_written(path: Path) -> bool:
    """Whether a result of ours ever had this name. The file there now may be another one. False
    outside all places."""
    try:
        spot = _spot(path)
    except NotOursError:
        return False
    return not spot.is_result or bool(_record(spot.place).entries(spot.relative))


def is_others(path: Path, source: Path) -> bool:
    """Whether a name in an output folder belongs to a recording, or to a result of another
    recording or command."""
    spot = _spot(path)
    if is_original(path):
        return True
    written = _record(spot.place).latest(spot.relative)
    owner = owner_in(spot.place, source)
    return written is not None and not _may_be_same(spot.place, written.owner, owner)


def _may_be_same(place: Place, before: Owner, owner: Owner) -> bool:
    """Whether the file is a result of this source, as far as can be told before the recording is
    read. A recording that is no longer at its path may have been moved."""
    gone = bool(before.source) and not os.path.lexists(Path(place.real, before.source))
    return before.is_same(owner) or (gone and before.command == owner.command)


def obstacle(
    path: Path, source: Path | None = None, content: str = "", *, quick: bool = False
) -> str | None:
    """Why a result may not be written under this name now; None when it may. Writes nothing.

    With `quick`, the content of an existing file is not read.

    Raises:
        OSError: what is there cannot be looked at.
    """
    spot = _spot(path)
    try:
        with _folder_of(spot, make=False) as folder:
            _check(spot, folder, owner_in(spot.place, source, content), source, quick=quick)
    except FileNotFoundError:
        return None
    except NotOursError as error:
        return str(error)
    return None


def _check(
    spot: _Spot, folder: int, owner: Owner, source: Path | None = None, *, quick: bool = False
) -> bool:
    """Whether a file of ours exists that may be replaced or removed.

    Raises:
        NotOursError: what is there is not ours.
    """
    stat = _stat(folder, spot.name)
    if stat is None:
        return False
    if spot.place.is_output and stat_module.S_ISLNK(stat.st_mode):
        raise _refusal(spot, "is a link, and links in an output folder are not followed")
    if not (stat_module.S_ISREG(stat.st_mode) or stat_module.S_ISLNK(stat.st_mode)):
        raise _refusal(spot, "is not a regular file")
    if _is_original(stat) or (source is not None and (stat.st_dev, stat.st_ino) in _ids([source])):
        raise _refusal(spot, "is one of the recordings")
    if spot.is_result:
        _check_written(spot, owner, *_written_as(spot, folder, stat.st_size, quick), quick)
    return True


def _written_as(spot: _Spot, folder: int, size: int, quick: bool) -> tuple[bool, Written | None]:
    """The record's entry for the file that is there now, if we ever wrote a file under that
    name."""
    entries = _record(spot.place).entries(spot.relative)
    same = [one for one in entries if one.size == size]
    if same and not quick:
        sha256 = _digest(folder, spot.name)
        same = [one for one in same if one.sha256 == sha256]
    return bool(entries), same[-1] if same else None


def _check_written(
    spot: _Spot, owner: Owner, ever: bool, found: Written | None, quick: bool
) -> None:
    if not ever:
        raise _refusal(spot, "was not written by Reelmill")
    if found is None:
        raise _refusal(spot, "was changed after Reelmill wrote it")
    is_same = _may_be_same(spot.place, found.owner, owner) if quick else found.owner.is_same(owner)
    if not is_same:
        whose = f" of {found.owner.source}" if found.owner.source else ""
        by = f" by `reelmill {found.owner.command}`" if found.owner.command else ""
        raise _refusal(spot, f"is another result{whose}{by}")


def _refusal(spot: _Spot, why: str) -> NotOursError:
    return NotOursError(
        f"{spot.path}: {why}; it is kept, and the new result was not written: move or rename the "
        "file, or choose another folder with -o"
    )


def _digest(folder: int, name: str) -> str:
    descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
    try:
        return digest_of(descriptor)[0]
    finally:
        os.close(descriptor)


# -- writing


def create(path: Path, mode: int = 0o666) -> int:
    """Create a new file for writing, with missing folders. Returns its descriptor.

    Raises:
        NotOursError: outside all places, or over a link.
        OSError: it exists, the disk is full and so on.
    """
    spot = _spot(path)
    with _folder_of(spot, make=True) as folder:
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        return os.open(spot.name, flags, mode, dir_fd=folder)


def open_kept(path: Path, flags: int = os.O_RDWR, mode: int = 0o666) -> int:
    """Open a file of ours that is written in place, such as a lock or a log. It is created with
    `mode` if it does not exist.

    Raises:
        NotOursError: it is a link, has a second name elsewhere, or is an original.
        OSError: it cannot be opened.
    """
    spot = _spot(path)
    if spot.is_result:
        raise NotOursError(f"{path}: results are never written in place")
    with _folder_of(spot, make=True) as folder:
        flags |= os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
        try:
            descriptor = os.open(spot.name, flags, mode, dir_fd=folder)
        except OSError as error:
            if error.errno == errno.ELOOP:
                raise _refusal(spot, "is a link, and links are not followed here") from error
            raise
    return _only_name(descriptor, spot)


def open_appended(path: Path) -> int:
    """Open one of the `APPENDED` results for adding lines. Returns its descriptor. A new one is
    noted in the record before it is created; what it contains is not looked at.

    Raises:
        NotOursError: it is a link, has a second name elsewhere, or was never ours.
        OSError: it cannot be opened.
    """
    spot = _spot(path)
    if not spot.place.is_output or spot.relative not in APPENDED:
        raise NotOursError(f"{path}: results are never written in place")
    record = _record(spot.place)
    with _folder_of(spot, make=True) as folder:
        flags = os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
        if _stat(folder, spot.name) is None:
            new = Written(spot.relative, hashlib.sha256().hexdigest(), 0)
            record.add([new], lambda: _open_record(spot.place))
            flags |= os.O_CREAT | os.O_EXCL
        elif not record.entries(spot.relative):
            raise _refusal(spot, "was not written by Reelmill")
        try:
            descriptor = os.open(spot.name, flags, 0o666, dir_fd=folder)
        except OSError as error:
            if error.errno == errno.ELOOP:
                raise _refusal(spot, "is a link, and links are not followed here") from error
            raise
    return _only_name(descriptor, spot)


def _only_name(descriptor: int, spot: _Spot) -> int:
    """The descriptor of a file that is written in place, if it is a file of ours with no second
    name. It is closed otherwise, and NotOursError raised."""
    stat, why = os.fstat(descriptor), None
    if not stat_module.S_ISREG(stat.st_mode) or stat.st_nlink != 1:
        why = "is not a regular file with a single name"
    elif _is_original(stat):
        why = "is one of the recordings"
    if why is not None:
        os.close(descriptor)
        raise _refusal(spot, why)
    return descriptor


def append(path: Path, mode: int = 0o666) -> IO[bytes]:
    """Open a log or spill file for appending. Raises as `open_kept` does."""
    return os.fdopen(open_kept(path, os.O_WRONLY | os.O_APPEND, mode), "ab")


def database(path: Path) -> Path:
    """Prepare a database file for SQLite, which opens it by name. Raises as `open_kept` does."""
    for name in (path, *(path.with_name(path.name + end) for end in ("-wal", "-shm", "-journal"))):
        if name == path or os.path.lexists(name):
            os.close(open_kept(name))
    return path


def make_folder(path: Path, mode: int | None = None) -> None:
    """Create a folder and its missing parents with `mode`. Raises as `create` does."""
    with _folder_of(_spot(path / "any"), make=True) as folder:
        if mode is not None:
            os.fchmod(folder, mode)


def make_private(folder: Path) -> None:
    """Make a folder private to the user. Raises NotOursError, and OSError when that fails."""
    with _folder_of(_spot(folder / "any"), make=False) as descriptor:
        os.fchmod(descriptor, _PRIVATE)


def temporary_folder(path: Path) -> Path:
    """Where a file is created before it is renamed to `path`. For an output folder this is below
    the cache, so that unfinished files never appear among the results."""
    place = _spot(path).place
    return Path(place.given, CACHE, TEMPORARY) if place.is_output else path.parent


def flush(path: Path) -> None:
    """Flush a file of ours to the disk, whoever wrote it.

    Raises:
        NotOursError: outside all places, or behind a link.
        OSError: it cannot be flushed, or does not exist.
    """
    spot = _spot(path)
    with _folder_of(spot, make=False) as folder:
        descriptor = os.open(spot.name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def settle(temporary: Path, path: Path, source: Path | None = None, content: str = "") -> None:
    """Rename a file that was made with `create` to its final name. Missing folders are created.

    Args:
        temporary: the file as it is.
        path: the name it gets.
        source: the recording whose result it is; None for a file about the run.
        content: the recording's SHA-256.

    Raises:
        NotOursError: what has the name is not ours to replace.
        OSError: it cannot get it.
    """
    settle_all([(temporary, path)], source, content)


def settle_all(
    files: Sequence[tuple[Path, Path]],
    source: Path | None = None,
    content: str = "",
    first: Callable[[], None] = lambda: None,
) -> None:
    """Rename several files at once, as `settle` does one: they are checked and recorded together
    before the first gets its name. The arguments and what is raised are those of `settle`, but
    `files` has the temporary and the final name of each; all belong to one place. `first` is called
    once they are recorded, and what it raises keeps them from getting their names."""
    with contextlib.ExitStack() as folders:
        moves = []
        for temporary, path in files:
            made, spot = _spot(temporary), _spot(path)
            before = folders.enter_context(_folder_of(made, make=False))
            folder = folders.enter_context(_folder_of(spot, make=True))
            owner = owner_in(spot.place, source, content)
            exists = _check(spot, folder, owner, source)
            moves.append(_Move(made.name, before, spot, folder, owner, exists))
        _note(moves)
        first()
        for move in moves:
            move.carry_out()


def share(source: Path, target: Path, names: Iterable[str]) -> bool:
    """Give files of ours in a cache a second name in another folder there, in this order. The
    folder is made if it is missing; names that it has already stay.

    Args:
        source: the folder with the files, which are never changed in place.
        target: the folder for the second names.
        names: of the files.

    Returns:
        Whether the file system can do that; if not, nothing was changed.

    Raises:
        NotOursError: outside all caches, behind a link, or not a regular file.
        OSError: a file is missing, or its second name cannot be given.
    """
    before, after = _spot(source / "any"), _spot(target / "any")
    if before.is_result or after.is_result:
        raise NotOursError(f"{target}: a result has a single name")
    with _folder_of(before, make=False) as here, _folder_of(after, make=True) as there:
        for name in names:
            if not stat_module.S_ISREG(os.stat(name, dir_fd=here, follow_symlinks=False).st_mode):
                raise NotOursError(f"{source / name}: is not a regular file")
            try:
                os.link(name, name, src_dir_fd=here, dst_dir_fd=there, follow_symlinks=False)
            except FileExistsError:
                continue
            except OSError as error:
                if error.errno in _NO_HARD_LINKS:
                    return False
                raise
    return True


def set_time(path: Path, mtime_ns: int) -> None:
    """Give a copy the time of its original. Only in the user's own folders.

    Raises:
        NotOursError: not below a folder of the user's own, or a link.
        OSError: the time cannot be set.
    """
    spot = _own_spot(path)
    with _folder_of(spot, make=False) as folder:
        descriptor = os.open(spot.name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
        try:
            os.utime(descriptor, ns=(mtime_ns, mtime_ns))
        finally:
            os.close(descriptor)


def settle_folder(temporary: Path, path: Path) -> None:
    """Rename a new folder of the user's own to its final name, unless another process was faster.
    Its folder is just as good.

    Raises:
        NotOursError: not below a folder of the user's own.
        OSError: it cannot get it.
    """
    made, spot = _own_spot(temporary), _own_spot(path)
    with _folder_of(spot, make=True) as folder:
        if _stat(folder, spot.name) is None:
            os.rename(made.name, spot.name, src_dir_fd=folder, dst_dir_fd=folder)


def discard_folder(temporary: Path) -> None:
    """Remove a folder that does not have its final name yet, with its contents. Links in it are not
    followed."""
    shutil.rmtree(_own_spot(temporary).path, ignore_errors=True)


def _own_spot(path: Path) -> _Spot:
    spot = _spot(path)
    if spot.place.is_output:
        raise NotOursError(f"{path}: whole folders may be replaced only in the user's own folders")
    return spot


@dataclass(frozen=True)
class _Move:
    """A file that is to get its final name, with the descriptors of the folders it is in and goes
    to. `exists`: a file of ours has the name."""

    temporary: str
    before: int
    spot: _Spot
    folder: int
    owner: Owner
    exists: bool

    def entry(self) -> Written:
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(self.temporary, flags, dir_fd=self.before)
        try:
            sha256, size = digest_of(descriptor)
        finally:
            os.close(descriptor)
        return Written(self.spot.relative, sha256, size, self.owner)

    def carry_out(self) -> None:
        name = self.spot.name
        if self.exists or not self.spot.is_result:
            os.replace(self.temporary, name, src_dir_fd=self.before, dst_dir_fd=self.folder)
        else:
            _name_new(self.before, self.temporary, self.folder, name)


def _note(moves: Sequence[_Move]) -> None:
    results = [move for move in moves if move.spot.is_result]
    if results:
        place = results[0].spot.place
        _record(place).add([one.entry() for one in results], lambda: _open_record(place))


def _open_record(place: Place) -> int:
    return open_kept(Path(place.given, CACHE, RECORD), os.O_RDWR | os.O_APPEND)


def _name_new(before: int, temporary: str, folder: int, name: str) -> None:
    """A file that appeared since the check keeps its name."""
    try:
        os.link(temporary, name, src_dir_fd=before, dst_dir_fd=folder, follow_symlinks=False)
    except OSError as error:
        if error.errno not in _NO_HARD_LINKS:
            raise
        os.replace(temporary, name, src_dir_fd=before, dst_dir_fd=folder)
    else:
        os.unlink(temporary, dir_fd=before)


def adopt(out: Path, files: Iterable[Written]) -> None:
    """Add results that an earlier version wrote to the record. Raises OSError."""
    place = _places[os.path.abspath(out)]
    _record(place).add(files, lambda: _open_record(place))


def probe(folder: Path) -> None:
    """Check whether an existing folder can be written, also outside all places. Creates a file for
    a moment and removes it. Raises OSError when the folder cannot be written."""
    descriptor, name = tempfile.mkstemp(prefix=".reelmill-probe-", dir=folder)
    os.close(descriptor)
    Path(name).unlink()


def set_aside(path: Path) -> Path:
    """Rename a file that is no longer ours to another name in the same folder, and return that
    name.

    Only for files about a whole run, which every run has to write, and which somebody has changed.

    Raises:
        NotOursError: nothing of ours ever had this name, or it is one of the recordings.
        OSError: it cannot be renamed.
    """
    spot = _spot(path)
    if not was_written(path) or is_original(path):
        raise _refusal(spot, "was not written by Reelmill")
    with _folder_of(spot, make=False) as folder:
        for number in itertools.count(1):
            name = f"{spot.name}.kept-{number}"
            try:
                _name_new(folder, spot.name, folder, name)
            except FileExistsError:
                continue
            return path.with_name(name)
    raise AssertionError


# -- removing


def remove(path: Path, source: Path | None = None, content: str = "") -> bool:
    """Remove a file of ours, and return whether it existed. A result must be as recorded.

    Raises:
        NotOursError: what is there is not ours to remove.
        OSError: it cannot be removed.
    """
    spot = _spot(path)
    try:
        with _folder_of(spot, make=False) as folder:
            if not _check(spot, folder, owner_in(spot.place, source, content)):
                return False
            os.unlink(spot.name, dir_fd=folder)
    except FileNotFoundError:
        return False
    return True


def discard(temporary: Path) -> None:
    """Remove a file that was made with `create` and has no final name yet. Errors are ignored."""
    with contextlib.suppress(OSError, NotOursError):
        spot = _spot(temporary)
        with _folder_of(spot, make=False) as folder:
            os.unlink(spot.name, dir_fd=folder)


def sweep(folder: Path, names: re.Pattern[str], *, deep: bool = False) -> list[Path]:
    """Remove the regular files in a folder whose whole name matches. With `deep`, also remove those
    below it, and folders that are then empty. Links are neither followed nor removed. For files of
    ours that are not results. Returns what was removed.

    Raises:
        NotOursError: the folder is outside all places, or behind a link.
    """
    removed: list[Path] = []
    spot = _spot(folder / "any")
    try:
        with _folder_of(spot, make=False) as descriptor:
            _sweep(Path(folder), descriptor, names, deep, removed)
    except (FileNotFoundError, PermissionError):
        pass
    return removed


def _sweep(at: Path, folder: int, names: re.Pattern[str], deep: bool, removed: list[Path]) -> None:
    for name in sorted(os.listdir(folder)):
        stat = _stat(folder, name)
        if stat is None or _is_original(stat):
            continue
        with contextlib.suppress(OSError):
            if stat_module.S_ISDIR(stat.st_mode) and deep:
                below = os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=folder)
                try:
                    _sweep(at / name, below, names, deep, removed)
                finally:
                    os.close(below)
                os.rmdir(name, dir_fd=folder)  # fails if the folder is not empty
            elif stat_module.S_ISREG(stat.st_mode) and names.fullmatch(name):
                os.unlink(name, dir_fd=folder)
                removed.append(at / name)
