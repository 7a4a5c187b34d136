"""The manifest is what `sha256sum` itself would write, and checks with it."""

# proves: G14 (manifest)

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelmill.errors import InputError
from reelmill.evidence.manifest import MANIFEST, line, read_manifest, write_manifest
from reelmill.evidence.paths import is_plain

ODD_NAMES = [
    "call.m4a",
    "통화 녹음 홍길동.m4a",
    "line\nbreak.m4a",
    "back\\slash\\n.m4a",
    "carriage\r.m4a",
    "ends in return\r",
    "-",
    "-rf",
    " leading and trailing ",
    "*star",
    "#hash",
    "\\",
    "🎙️.m4a",
    os.fsdecode(b"\xff\xfe no utf-8.m4a"),
    os.fsdecode("가".encode()[:2]),
]

#: Any bytes that `Folder` makes a name of.
names = st.binary(min_size=1, max_size=30).map(os.path.normpath).map(os.fsdecode).filter(is_plain)

needs_sha256sum = pytest.mark.skipif(
    shutil.which("sha256sum") is None, reason="needs the sha256sum program"
)


def check(out: Path) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        ["sha256sum", "--strict", "-c", MANIFEST], cwd=out, capture_output=True, check=False
    )


@needs_sha256sum
def test_sha256sum_checks_files_of_any_name(run):
    written = run.finish(ODD_NAMES, [f"sub/{name}.txt" for name in ODD_NAMES])
    assert written.warnings == []
    checked = check(run.out)
    assert checked.returncode == 0, checked.stderr
    assert checked.stdout.count(b": OK") == 2 * len(ODD_NAMES) + 1
    (run.calls / "line\nbreak.m4a").write_bytes(b"other")
    assert check(run.out).returncode == 1


@needs_sha256sum
def test_lines_are_the_same_as_those_of_sha256sum(tmp_path: Path):
    for name in ODD_NAMES:
        if name == "-":
            continue
        (tmp_path / name).write_bytes(b"x")
        theirs = subprocess.run(
            ["sha256sum", "--", name], cwd=tmp_path, capture_output=True, check=True
        ).stdout
        ours = line(name, theirs.lstrip(b"\\")[:64].decode())
        assert ours == theirs


@needs_sha256sum
def test_an_output_folder_behind_a_link_can_be_checked(run, tmp_path: Path):
    deep = tmp_path / "disk" / "deep"
    deep.mkdir(parents=True)
    run.out.rmdir()
    run.out.symlink_to(deep)
    run.finish(["a.m4a"], ["a.txt"])
    assert check(run.out).returncode == 0
    assert sorted(read_manifest(run.out)) == ["../../통화/a.m4a", "a.txt", "evidence.json"]


@given(st.dictionaries(names, st.just("0a" * 32)))
def test_any_names_are_read_back(tmp_path_factory, hashes):
    out = tmp_path_factory.mktemp("manifest")
    write_manifest(out, hashes)
    assert read_manifest(out) == hashes


@pytest.mark.parametrize(
    "content",
    [
        b"garbage\n",
        b"\n",
        b"0" * 64 + b" x\n",
        b"\xff",
        b"A" * 64 + b"  x\n",
        b"0" * 64 + b"  /etc/passwd\n",
        b"0" * 64 + b"  a/../../x\n",
        b"0" * 64 + b"  a\0b\n",
    ],
)
def test_an_edited_manifest_is_reported(tmp_path: Path, content: bytes):
    (tmp_path / MANIFEST).write_bytes(content)
    with pytest.raises(InputError, match="line 1"):
        read_manifest(tmp_path)


def test_two_lines_for_one_file_are_reported(tmp_path: Path):
    (tmp_path / MANIFEST).write_bytes(line("a", "0" * 64) + line("a", "1" * 64))
    with pytest.raises(InputError, match="line 2 lists a file a second time"):
        read_manifest(tmp_path)
