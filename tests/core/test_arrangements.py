"""Random arrangements of recordings, output folders, links and earlier files.

Whatever is written, replaced, removed and swept: a file that we did not write is never changed or
removed; what is free or ours can be written. # proves: G14
"""

import contextlib
import hashlib
import os
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reelmill.core import atomic, gate
from reelmill.core.recording import FileState, Recording
from reelmill.errors import ReelmillError
from reelmill.runs.sources import find_sources

#: Few names, so that recordings, results and earlier files often collide.
NAMES = [
    "talk.wav",
    "talk.txt",
    "talk.json",
    "talk.txt.wav",
    "sub/talk.wav",
    "sub/talk.txt",
    "report.html",
    "talk.clips/a.mp4",
    ".cache/lock",
    ".cache/tmp/x",
    ".cache/artifacts/ab/x.json",
    ".cache/artifacts/ab/x.spill.0.left",
    ".talk.txt.1-0.reelmill-part",
]
RESULTS = [name for name in NAMES if not name.startswith(".")]
FOLDERS = ["sub", "talk.clips", ".cache", ".cache/tmp", ".cache/artifacts"]
KINDS = ["file", "link", "second name", "folder", "link to a folder"]
OUTS = ["calls", "calls/sub", ".", "out", "alias", "alias/sub"]
COMMANDS = ["voice", "faces"]
#: A thousand folders are made and removed, which is faster in memory.
MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None

places = st.sampled_from(["calls", "out"])
earlier = st.lists(
    st.one_of(
        st.tuples(places, st.sampled_from(NAMES), st.sampled_from(KINDS)),
        st.tuples(places, st.sampled_from(FOLDERS), st.just("link to a folder")),
    ),
    max_size=6,
)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("write"), st.sampled_from(RESULTS), st.integers(0, 3)),
        st.tuples(st.just("report"), st.sampled_from(RESULTS), st.integers(0, 3)),
        st.tuples(st.just("remove"), st.sampled_from(RESULTS), st.integers(0, 3)),
        st.tuples(st.just("append"), st.sampled_from(NAMES[8:12]), st.just(0)),
        st.tuples(st.just("sweep"), st.sampled_from(["tmp", "artifacts", "logs"]), st.just(0)),
        st.tuples(st.just("edit"), st.sampled_from(RESULTS), st.just(0)),
        st.tuples(st.just("again"), st.sampled_from(COMMANDS), st.just(0)),
    ),
    min_size=1,
    max_size=8,
)


class World:
    """A folder, and the files in it that belong to somebody else, with their content."""

    def __init__(self, root: Path, out: str) -> None:
        self.root = root
        self.out = root / out
        self.theirs: dict[Path, tuple[str, str]] = {}
        #: The owner of each result of ours: a command and a recording, or a run.
        self.ours: dict[Path, tuple[str, Path | None]] = {}
        self.count = 0
        for name in ("calls/sub", "out", "elsewhere/folder"):
            (root / name).mkdir(parents=True)
        (root / "alias").symlink_to("calls")
        self.plant(root / "calls" / "talk.wav", "file")

    def content(self, what: str) -> bytes:
        self.count += 1
        return f"{what} {self.count}".encode()

    def plant(self, path: Path, kind: str) -> None:
        """Create a file of somebody else's where nothing exists yet."""
        with contextlib.suppress(FileExistsError, NotADirectoryError):
            path.parent.mkdir(parents=True, exist_ok=True)
        if os.path.lexists(path) or not path.parent.is_dir():
            return
        if kind == "folder":
            path.mkdir()
            return
        if kind == "file":
            path.write_bytes(self.content("somebody's"))
        else:
            target = self.root / "elsewhere" / f"diary {self.count}"
            target.write_bytes(self.content("diary"))
            self.theirs[target] = _state(target)
            if kind == "second name":
                os.link(target, path)
            else:
                path.symlink_to(target if kind == "link" else target.parent)
        self.theirs[path] = _state(path)

    def edit(self, path: Path) -> None:
        """A person corrects a result by hand and becomes its owner."""
        real = Path(os.path.realpath(path))
        if real.is_file() and real not in self.theirs:
            real.write_bytes(self.content("by hand"))
            self.give_away(real)

    def give_away(self, path: Path) -> None:
        """From here on a file is somebody else's."""
        self.theirs[path] = _state(path)
        self.ours.pop(path, None)

    def changed(self) -> list[Path]:
        """The files of somebody else's that have changed."""
        return [
            path
            for path, state in self.theirs.items()
            if not os.path.lexists(path) or _state(path) != state
        ]

    def behind_links(self) -> int:
        """The number of files that can be reached only through a link."""
        return sum(len(files) for _, _, files in os.walk(self.root / "elsewhere"))


def _state(path: Path) -> tuple[str, str]:
    if path.is_symlink():
        return "link", str(path.readlink())
    return "file", f"{path.stat().st_mtime_ns} {hashlib.sha256(path.read_bytes()).hexdigest()}"


def _recording(path: Path, root: Path) -> Recording:
    data = path.read_bytes()
    sha256, md5 = hashlib.sha256(data).hexdigest(), hashlib.md5(data).hexdigest()
    return Recording(path, path.stem, root, FileState(sha256, md5, len(data), 0))


@pytest.fixture
def no_waiting_for_the_disk(monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


@settings(
    max_examples=1000,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.sampled_from(OUTS), earlier, steps)
def test_files_of_others_are_never_touched_in_random_arrangements(
    no_waiting_for_the_disk, out, before, todo
):
    root = Path(tempfile.mkdtemp(dir=MEMORY)).resolve()
    try:
        world = World(root, out)
        for folder, name, kind in before:
            world.plant(root / folder / name, kind)
        live(world, todo)
    finally:
        shutil.rmtree(root)


def live(world: World, todo: list[tuple[str, str, int]]) -> None:
    """Carry out the steps; a step `again` is another command on the same folder."""
    command, rest = "voice", list(todo)
    while rest:
        try:
            sources = [source.path for source in find_sources([world.root / "calls"], world.out)]
        except ReelmillError:  # refused before any work
            sources = [path for path in (world.root / "calls").glob("*.wav") if path.is_file()]
        for source in sources:
            world.give_away(source)
        with gate.output(world.out, command, sources):
            with contextlib.suppress(ReelmillError, OSError):
                gate.protect(world.out, sources)
            while rest:
                what, name, number = rest.pop(0)
                if what == "again":
                    command = name
                    break
                step(world, what, name, command, sources[number % len(sources)])


def step(world: World, what: str, name: str, command: str, source: Path) -> None:
    path = world.out / name
    if what == "edit":
        world.edit(path)
        return
    behind, data = world.behind_links(), world.content(what)
    real = Path(os.path.realpath(path))
    owner = (command, source) if what == "write" else ("", None)
    may = world.ours.get(real) == owner or not os.path.lexists(path)
    try:
        act(world, what, path, source, data)
    except (ReelmillError, OSError) as error:
        if what in ("write", "report"):
            assert not may or blocked(world, path), f"{path} is free or ours: {error}"
    else:
        if what in ("write", "report"):
            assert may, f"{path} is another's result"
            assert path.read_bytes() == data
            world.ours[real] = owner
        elif what == "remove":
            assert os.path.lexists(path) or may or world.ours.pop(real) == (command, source)
    assert not world.changed()
    assert world.behind_links() == behind


def blocked(world: World, path: Path) -> bool:
    """Whether a link or a file is on the way to a free name."""
    below = path.relative_to(world.out).parts
    cache = world.out / ".cache"
    ways = [world.out.joinpath(*below[:depth]) for depth in range(1, len(below))]
    ways += [cache, cache / "tmp"]
    return any(way.is_symlink() or (way.exists() and not way.is_dir()) for way in ways)


def act(world: World, what: str, path: Path, source: Path, data: bytes) -> None:
    if what == "write":
        atomic.write_bytes(path, data, of=_recording(source, world.root))
    elif what == "report":
        atomic.write_bytes(path, data)
    elif what == "remove":
        gate.remove(path, source, _recording(source, world.root).id)
    elif what == "append":
        with gate.append(path) as file:
            file.write(b"")
    elif path.name == "tmp":
        gate.sweep(world.out / ".cache" / "tmp", atomic.LEFTOVER)
    else:
        gate.sweep(world.out / ".cache" / path.name, atomic.LEFTOVER, deep=True)
