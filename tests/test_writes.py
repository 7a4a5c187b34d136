"""All code of the product opens files for writing, renames and removes them only through the
gate."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import reelmill

ROOT = Path(reelmill.__file__).parent

#: Where it is done, and the reason.
ALLOWED = {
    "artifacts/arrays.py": "NumPy writes into a file that the gate opened",
    "cli/streams.py": "the null device stands in for a closed stream",
    "core/gate.py": "it is the gate",
    "core/written.py": "appends to the record through a descriptor that the gate opened",
    "core/atomic.py": "wraps descriptors that the gate opened",
    "engine/process/arena.py": "a file without a name, where there are no memory files",
    "engine/resources/process_memory.py": "tells the kernel to forget a peak, in /proc/self",
    "engine/state/lock.py": "writes into the lock that the gate opened",
    "engine/state/run_db.py": "SQLite opens its file by name, which the gate has looked at",
    "export/docx_file.py": "a zip in memory",
    "media/audio/copied.py": "FFmpeg writes over a file that the gate made",
    "media/audio/cut.py": "FFmpeg writes over a file that the gate made",
    "media/audio/listening.py": "FFmpeg writes over a file that the gate made",
    "media/video/enabled.py": "changes a flag in a file that the gate made",
    "media/video/encode.py": "FFmpeg writes over a file that the gate made",
    "media/video/fitting.py": "FFmpeg writes over a file that the gate made, or into memory",
    "media/video/join.py": "FFmpeg writes over a file that the gate made",
    "search/index.py": "SQLite opens its file by name, which the gate has looked at",
    "stages/clips/follow.py": "NumPy writes into memory",
    "stages/clips/plan.py": "NumPy writes into memory",
    "web/store.py": "SQLite opens its file by name, which the gate has looked at",
}

#: Functions that write, rename or remove, by the last part of their names.
_OF_OS = {
    "chmod", "chown", "copy_file_range", "ftruncate", "lchmod", "lchown", "link", "makedirs",
    "mkdir", "mkfifo", "mknod", "remove", "removedirs", "rename", "renames", "replace", "rmdir",
    "sendfile", "setxattr", "splice", "symlink", "truncate", "unlink", "utime",
}  # fmt: skip
_OF_SHUTIL = {"copy", "copy2", "copyfile", "copymode", "copystat", "copytree", "move", "rmtree"}
_OF_PATH = {
    "chmod", "hardlink_to", "lchmod", "mkdir", "rename", "rmdir", "symlink_to", "touch", "unlink",
    "write_bytes", "write_text",
}  # fmt: skip
_OF_LIBRARIES = {
    ("np", "save"), ("np", "savez"), ("np", "savez_compressed"), ("numpy", "save"),
    ("sqlite3", "connect"), ("tarfile", "open"), ("shelve", "open"),
}  # fmt: skip
#: What has an `open` that only reads: of Pillow, of zip archives.
_READERS = {"Image", "archive"}
_WRITING_MODES = set("wax+")


def calls(tree: ast.AST) -> Iterator[tuple[ast.Call, str, str]]:
    """Each call, what it is called on, and the function's own name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Attribute):
                yield node, ast.unparse(node.func.value), node.func.attr
            elif isinstance(node.func, ast.Name):
                yield node, "", node.func.id


def mode_of(call: ast.Call, at: int) -> str:
    """The mode a file is opened with; one that is computed counts as writing."""
    given = [word.value for word in call.keywords if word.arg == "mode"] or call.args[at : at + 1]
    if not given:
        return "r"
    return given[0].value if isinstance(given[0], ast.Constant) else "w"


def is_writing_open(call: ast.Call, on: str, name: str) -> bool:
    if name != "open":
        return False
    if on == "os":
        return any(flag in ast.unparse(call) for flag in ("O_WRONLY", "O_RDWR", "O_CREAT"))
    if on in ("", "io", "av", "wave", "gzip", "bz2", "lzma"):
        return bool(_WRITING_MODES & set(str(mode_of(call, 1))))
    if on in _READERS or len(call.args) > 1:  # not a path's, whose second argument is a number
        return False
    return bool(_WRITING_MODES & set(str(mode_of(call, 0))))


def is_writing(call: ast.Call, on: str, name: str) -> bool:
    if on in ("gate", "atomic", "self", "store"):
        return False
    named = {"os": _OF_OS, "shutil": _OF_SHUTIL}.get(on, set() if on == "" else _OF_PATH)
    if name in named or on == "tempfile" or (on, name) in _OF_LIBRARIES:
        return True
    if name == "replace" and on:  # Path's: that of strings has two arguments
        return len(call.args) == 1 and not call.keywords and on != "dataclasses"
    if name in ("ZipFile", "fdopen"):
        is_gates = "gate." in ast.unparse(call)
        return not is_gates and bool(_WRITING_MODES & set(str(mode_of(call, 1))))
    return is_writing_open(call, on, name)


def found() -> dict[str, list[str]]:
    places: dict[str, list[str]] = {}
    for path in sorted(ROOT.rglob("*.py")):
        for call, on, name in calls(ast.parse(path.read_text("utf-8"))):
            if is_writing(call, on, name):
                where = path.relative_to(ROOT).as_posix()
                places.setdefault(where, []).append(f"line {call.lineno}: {ast.unparse(call)}")
    return places


def test_only_the_gate_writes_renames_and_removes() -> None:
    # proves: G14
    outside = {place: lines for place, lines in found().items() if place not in ALLOWED}
    assert outside == {}, "go through reelmill.core.gate or reelmill.core.atomic"


def test_every_listed_exception_is_needed() -> None:
    assert set(ALLOWED) - set(found()) <= {"core/written.py"}


@pytest.mark.parametrize(
    "code",
    [
        "open(p, 'w')", "open(p, mode='ab')", "open(p, how)", "p.open('wb')", "(a / b).open('x')",
        "os.open(p, os.O_RDWR | os.O_CREAT)", "os.unlink(p)", "os.replace(a, b)", "p.unlink()",
        "p.replace(q)", "p.write_text('x')", "p.touch()", "shutil.move(a, b)", "shutil.rmtree(p)",
        "tempfile.mkstemp()", "sqlite3.connect(p)", "np.savez(p, a=1)", "av.open(p, 'w')",
        "p.rename(q)", "p.mkdir()", "Path(a, b).open('r+')", "os.fdopen(d, 'w')",
    ],
)  # fmt: skip
def test_the_test_detects_forbidden_writes(code: str) -> None:
    ((call, on, name), *_) = calls(ast.parse(code))
    assert is_writing(call, on, name)


@pytest.mark.parametrize(
    "code",
    [
        "open(p)", "p.open('rb')", "text.replace('a', 'b')", "replace(one, name='x')",
        "os.open(p, os.O_RDONLY)", "av.open(p)", "gate.remove(p)",
        "os.fdopen(gate.create(p), 'w')", "self._queue.open(1)",
    ],
)  # fmt: skip
def test_reading_is_not_reported(code: str) -> None:
    ((call, on, name), *_) = calls(ast.parse(code))
    assert not is_writing(call, on, name)
