"""The gate: files that are not ours are neither replaced nor removed, and no link is followed."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from reelmill.core import gate
from reelmill.core.atomic import replacing_by_name, write_text, write_together
from reelmill.core.recording import FileState, Recording
from reelmill.core.written import Written
from reelmill.errors import NotOursError

# proves: G14


@pytest.fixture
def out(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "out"
    with gate.output(folder, "voice", [source(tmp_path).path]):
        yield folder


def source(folder: Path, name: str = "call.wav", sha256: str = "a" * 64) -> Recording:
    path = folder / name
    if not path.exists():
        path.write_text(f"sound of {name}")
    return Recording(path, path.stem, folder, FileState(sha256, "b" * 32, 1, 1))


def tree(folder: Path) -> dict[str, str]:
    """The files with their content, and links with their targets."""
    return {
        path.relative_to(folder).as_posix(): str(path.readlink())
        if path.is_symlink()
        else path.read_text()
        for path in sorted(folder.rglob("*"))
        if path.is_symlink() or path.is_file()
    }


def is_open(out: Path) -> bool:
    return any(place.is_output for place in gate.places_of(out))


def results(out: Path) -> dict[str, str]:
    return {name: text for name, text in tree(out).items() if not name.startswith(".cache")}


def test_nothing_is_written_outside_open_folders(tmp_path: Path) -> None:
    elsewhere = Path("/nowhere/else.txt")
    with pytest.raises(NotOursError, match="outside"):
        write_text(elsewhere, "x")
    with gate.output(tmp_path / "out", "voice", []), pytest.raises(NotOursError, match="outside"):
        write_text(tmp_path / "out" / ".." / ".." / ".." / ".." / "x.txt", "x")


def test_a_folder_stays_open_until_its_last_block_ends(tmp_path: Path) -> None:
    out, taken = tmp_path / "out", source(tmp_path)
    first = gate.output(out, "voice", [taken.path])
    second = gate.output(out, "faces", [source(tmp_path, "other.mp4").path])
    first.__enter__()
    second.__enter__()
    assert gate.is_original(taken.path), "the originals of both"
    gate.protect(out, [source(tmp_path, "third.mp4").path])
    first.__exit__(None, None, None)  # not the newest: blocks of two threads end in any order
    write_text(out / "a.txt", "still open", of=taken)
    assert gate.record_of(out).entries("a.txt")[0].owner.command == "faces"
    assert gate.is_original(tmp_path / "other.mp4") and gate.is_original(tmp_path / "third.mp4")
    assert not gate.is_original(taken.path)
    second.__exit__(None, None, None)
    assert not is_open(out)


def test_threads_may_open_the_same_folder_at_the_same_time(tmp_path: Path) -> None:
    out, failed = tmp_path / "out", []

    def write(number: int) -> None:
        try:
            for turn in range(40):
                with gate.output(out, "voice", []):
                    write_text(out / ".cache" / f"{number}-{turn}.json", "{}")
        except NotOursError as error:
            failed.append(error)

    threads = [threading.Thread(target=write, args=[number]) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed and len(tree(out)) == 160
    assert not is_open(out)


def test_files_of_the_cache_get_second_names(out: Path, tmp_path: Path) -> None:
    worker, here = out / ".cache" / "workers" / "one", out / ".cache" / "artifacts"
    for name in ("a.pcm", "a.json"):
        write_text(worker / name, name)
    write_text(here / "a.pcm", "older")
    assert gate.share(worker, here, ["a.pcm", "a.json"])
    assert (here / "a.json").samefile(worker / "a.json")
    assert (here / "a.pcm").read_text() == "older", "what is there stays"
    (worker / "link.json").symlink_to(source(tmp_path).path)
    with pytest.raises(NotOursError, match="not a regular file"):
        gate.share(worker, here, ["link.json"])
    with pytest.raises(NotOursError, match="single name"):
        gate.share(worker, out, ["a.json"])
    with pytest.raises(FileNotFoundError):
        gate.share(worker, here, ["none.json"])


def test_a_result_can_be_replaced_again_for_the_same_recording(out: Path, tmp_path: Path) -> None:
    for text in ("one", "two"):
        write_text(out / "sub" / "call.txt", text, of=source(tmp_path))
    assert results(out) == {"sub/call.txt": "two"}


@pytest.mark.parametrize("name", ["통화 1.txt", 'a "b".txt', "a\\b.txt", os.fsdecode(b"\xff.txt")])
def test_a_result_with_any_name_is_recognized_again(out: Path, tmp_path: Path, name: str) -> None:
    for text in ("one", "two"):
        write_text(out / name, text, of=source(tmp_path))
    assert (out / name).read_text() == "two"


def test_a_file_that_was_there_before_is_kept(out: Path, tmp_path: Path) -> None:
    (out / "call.txt").write_text("a clerk's own")
    with pytest.raises(NotOursError, match="not written by Reelmill"):
        write_text(out / "call.txt", "ours", of=source(tmp_path))
    assert results(out) == {"call.txt": "a clerk's own"}


def test_of_results_written_together_none_appears_if_one_has_a_name_that_is_taken(
    out: Path, tmp_path: Path
) -> None:
    (out / "call.srt").write_text("a clerk's own")
    files = {out / "call.txt": b"text", out / "call.srt": b"subtitles", out / "a" / "b.vtt": b"x"}
    with pytest.raises(NotOursError, match="not written by Reelmill"):
        write_together(files, of=source(tmp_path))
    assert results(out) == {"call.srt": "a clerk's own"}
    assert not list((out / ".cache").rglob("*-part"))


def test_results_written_together_are_ours_afterwards(out: Path, tmp_path: Path) -> None:
    for text in (b"one", b"two"):
        names = (out / "call.txt", out / "sub" / "call.srt")
        write_together(dict.fromkeys(names, text), of=source(tmp_path))
    assert results(out) == {"call.txt": "two", "sub/call.srt": "two"}
    one = source(tmp_path)
    gate.remove(out / "call.txt", one.path, one.id)
    assert results(out) == {"sub/call.srt": "two"}


@pytest.mark.parametrize("text", ["corrected", "uno"], ids=["longer", "of the same length"])
def test_a_result_that_a_person_changed_is_kept(out: Path, tmp_path: Path, text: str) -> None:
    write_text(out / "call.txt", "one", of=source(tmp_path))
    state = (out / "call.txt").stat()
    (out / "call.txt").write_text(text)
    os.utime(out / "call.txt", ns=(state.st_atime_ns, state.st_mtime_ns))
    with pytest.raises(NotOursError, match="was changed after"):
        write_text(out / "call.txt", "two", of=source(tmp_path))
    with pytest.raises(NotOursError, match="was changed after"):
        gate.remove(out / "call.txt", source(tmp_path).path)
    assert results(out) == {"call.txt": text}


def test_results_of_other_recordings_and_commands_are_kept(out: Path, tmp_path: Path) -> None:
    write_text(out / "call.json", "of call", of=source(tmp_path))
    with pytest.raises(NotOursError, match=r"another result of ../call\.wav by `reelmill voice`"):
        write_text(out / "call.json", "x", of=source(tmp_path, "other.wav", "c" * 64))
    with gate.output(out, "faces", []), pytest.raises(NotOursError, match="another result"):
        write_text(out / "call.json", "x", of=source(tmp_path))
    with pytest.raises(NotOursError, match="another result"):
        write_text(out / "call.json", "a report")
    assert results(out) == {"call.json": "of call"}


def test_a_moved_recording_keeps_its_results(out: Path, tmp_path: Path) -> None:
    write_text(out / "call.txt", "one", of=source(tmp_path))
    (tmp_path / "moved").mkdir()
    write_text(out / "call.txt", "two", of=source(tmp_path / "moved"))
    assert results(out) == {"call.txt": "two"}


def test_a_recording_is_never_replaced_whatever_its_name(tmp_path: Path) -> None:
    first, second = source(tmp_path, "film.mp4"), source(tmp_path, "film.split.mp4")
    hard = tmp_path / "hard.txt"
    hard.hardlink_to(second.path)
    with gate.output(tmp_path, "faces", [first.path, second.path]):
        for target in (second.path, hard, first.path):
            with pytest.raises(NotOursError, match="one of the recordings"):
                write_text(target, "ours", of=first)
    assert second.path.read_text() == hard.read_text() == "sound of film.split.mp4"


def test_a_result_may_reuse_the_inode_number_of_a_deleted_recording(tmp_path: Path) -> None:
    recording = source(tmp_path)
    moved = source(tmp_path, "moved.wav")
    with gate.output(tmp_path / "out", "voice", [recording.path, moved.path]):
        recording.path.unlink()
        for number in range(20):  # file systems give the number of a deleted file to the next one
            write_text(tmp_path / "out" / f"{number}.txt", "a result", of=recording)
            write_text(tmp_path / "out" / f"{number}.txt", "the same again", of=recording)
        moved.path.rename(tmp_path / "out" / "talk.txt")
        with pytest.raises(NotOursError):  # whatever it is called by now
            write_text(tmp_path / "out" / "talk.txt", "a result", of=recording)
    assert (tmp_path / "out" / "talk.txt").read_text() == "sound of moved.wav"


def test_a_result_given_as_a_recording_is_never_replaced_again(out: Path, tmp_path: Path) -> None:
    write_text(out / "call.mp4", "clip", of=source(tmp_path))
    gate.protect(out, [out / "call.mp4"])
    with gate.output(out, "voice", []), pytest.raises(NotOursError):  # the next run
        write_text(out / "call.mp4", "another", of=source(tmp_path))
    assert results(out) == {"call.mp4": "clip"}


@pytest.mark.parametrize("at", ["file", "folder", "cache", "dangling"])
def test_no_link_is_followed_below_the_folder(out: Path, tmp_path: Path, at: str) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "call.txt").write_text("mine")
    link, target = {
        "file": (out / "call.txt", home / "call.txt"),
        "folder": (out / "sub", home),
        "cache": (out / ".cache", home),
        "dangling": (out / "call.txt", home / "new.txt"),
    }[at]
    link.symlink_to(target)
    before = tree(home)
    with pytest.raises(NotOursError, match="link"):
        write_text(
            out / ("sub/call.txt" if at == "folder" else "call.txt"), "x", of=source(tmp_path)
        )
    assert tree(home) == before and link.is_symlink()


def test_a_link_to_the_output_folder_is_the_output_folder(tmp_path: Path) -> None:
    (tmp_path / "calls").mkdir()
    original = source(tmp_path / "calls")
    (tmp_path / "link").symlink_to("calls")
    with gate.output(tmp_path / "link", "voice", [original.path]):
        write_text(tmp_path / "link" / "call.txt", "text", of=original)
        write_text(tmp_path / "calls" / "call.txt", "text 2", of=original)
        with pytest.raises(NotOursError):
            write_text(tmp_path / "link" / "call.wav", "x", of=original)
    assert results(tmp_path / "calls") == {"call.txt": "text 2", "call.wav": "sound of call.wav"}


def test_links_and_pipes_are_not_written_in_place(out: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.write_text("mine")
    cache = out / ".cache"
    cache.mkdir()
    (cache / "log").symlink_to(mine)
    (cache / "hard").hardlink_to(mine)
    os.mkfifo(cache / "pipe")
    for name in ("log", "hard", "pipe"):
        with pytest.raises((NotOursError, OSError)):
            gate.append(cache / name)
    with pytest.raises(NotOursError, match="never written in place"):
        gate.append(out / "call.txt")
    assert mine.read_text() == "mine"


def test_a_file_that_appears_before_the_rename_is_kept(
    out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    note = gate._note

    def late(*arguments: object) -> None:
        note(*arguments)  # type: ignore[arg-type]
        (out / "call.txt").write_text("just saved")

    monkeypatch.setattr(gate, "_note", late)  # it is called after we have looked
    with pytest.raises(FileExistsError):
        write_text(out / "call.txt", "ours", of=source(tmp_path))
    assert results(out) == {"call.txt": "just saved"}
    assert list((out / ".cache" / "tmp").iterdir()) == []


def test_unfinished_files_never_appear_among_the_results(out: Path, tmp_path: Path) -> None:
    with replacing_by_name(out / "call.mp4", of=source(tmp_path)) as part:
        part.write_text("by a program")
        assert results(out) == {}
        assert part.parent == out / ".cache" / "tmp"
    assert results(out) == {"call.mp4": "by a program"}


def test_a_run_killed_before_the_rename_leaves_only_files_of_ours(
    out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # proves: G12
    real = os.link
    for cut in (lambda *a, **k: (real(*a, **k), 1 / 0), lambda *a, **k: 1 / 0):
        with monkeypatch.context() as patched, pytest.raises(ZeroDivisionError):
            patched.setattr(os, "link", cut)
            write_text(out / "call.txt", "one", of=source(tmp_path))
        write_text(out / "call.txt", "two", of=source(tmp_path))
        assert results(out) == {"call.txt": "two"}
        gate.remove(out / "call.txt", source(tmp_path).path)


def test_only_files_that_we_wrote_are_removed(out: Path, tmp_path: Path) -> None:
    (out / "call.clips").mkdir()
    (out / "call.clips" / "cam2.mp4").write_text("an original")
    write_text(out / "call.clips" / "A.mp4", "clip", of=source(tmp_path))
    with pytest.raises(NotOursError):
        gate.remove(out / "call.clips" / "cam2.mp4", source(tmp_path).path)
    assert gate.remove(out / "call.clips" / "A.mp4", source(tmp_path).path)
    assert not gate.remove(out / "call.clips" / "A.mp4", source(tmp_path).path), "it is gone"
    assert results(out) == {"call.clips/cam2.mp4": "an original"}


def test_a_sweep_removes_what_has_the_inode_number_of_a_deleted_recording(tmp_path: Path) -> None:
    recording = source(tmp_path)
    cache = tmp_path / "out" / ".cache"
    with gate.output(tmp_path / "out", "voice", [recording.path]):
        cache.mkdir()
        number = recording.path.stat().st_ino
        reused = recording.path.rename(cache / "1.log")  # not left to the file system
        assert gate.sweep(cache, re.compile(r"\w+\.log")) == [], "a recording that was moved"
        reused.write_text("what was written next")
        assert reused.stat().st_ino == number
        assert gate.sweep(cache, re.compile(r"\w+\.log")) == [reused]
    assert not reused.exists()


def test_a_sweep_removes_by_whole_names_and_neither_links_nor_recordings(tmp_path: Path) -> None:
    cache = tmp_path / "out" / ".cache"
    (cache / "sub").mkdir(parents=True)
    kept = ["notes.log.txt", "my notes", "sub/x.wav", "worker-2.log"]
    for name in [*kept, "worker-1.log", "sub/worker-1.log"]:
        (cache / name).write_text(name)
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "worker-1.log").write_text("mine")
    (cache / "link.log").symlink_to(tmp_path / "home" / "worker-1.log")
    (cache / "linked").symlink_to(tmp_path / "home")
    with gate.output(tmp_path / "out", "voice", [cache / "worker-2.log"]):
        gate.sweep(cache, re.compile(r"[\w-]+\.log"), deep=True)
    assert set(tree(cache)) == {*kept, "link.log", "linked"}
    assert (tmp_path / "home" / "worker-1.log").read_text() == "mine"


def test_a_changed_report_is_set_aside_and_a_foreign_file_is_kept(out: Path) -> None:
    write_text(out / "report.html", "ours")
    (out / "report.html").write_text("edited")
    aside = gate.set_aside(out / "report.html")
    write_text(out / "report.html", "new")
    assert aside.read_text() == "edited" and (out / "report.html").read_text() == "new"
    (out / "manifest.sha256").write_text("somebody's")
    with pytest.raises(NotOursError):
        gate.set_aside(out / "manifest.sha256")


def test_files_written_by_an_earlier_version_can_be_adopted(out: Path, tmp_path: Path) -> None:
    import hashlib

    (out / "call.txt").write_text("of version 0.1")
    assert gate.obstacle(out / "call.txt", source(tmp_path).path)
    sha256 = hashlib.sha256(b"of version 0.1").hexdigest()
    owner = gate.Owner("voice", "../call.wav", "")
    gate.adopt(out, [Written("call.txt", sha256, 14, owner)])
    assert gate.obstacle(out / "call.txt", source(tmp_path).path) is None


def test_a_cache_of_another_program_is_refused(out: Path, tmp_path: Path) -> None:
    # an output folder may be a home folder, whose .cache contains everything
    (out / ".cache" / "logs").mkdir(parents=True)
    (out / ".cache" / "logs" / "worker-0.log").write_text("another program's")
    with pytest.raises(NotOursError, match="did not write"):
        gate.claim(out)
    assert tree(out) == {".cache/logs/worker-0.log": "another program's"}
    (out / ".cache" / "logs" / "worker-0.log").unlink()
    (out / ".cache" / "logs").rmdir()
    (out / ".cache" / "lock").touch()  # of a run that was killed as it began
    gate.claim(out)
    (out / ".cache" / "logs").mkdir()
    gate.claim(out)


def test_a_long_record_is_compacted_without_loss(out: Path, tmp_path: Path) -> None:
    from reelmill.core import written

    gate.claim(out)
    for number in range(3):
        write_text(out / "call.txt", str(number), of=source(tmp_path))
    write_text(out / "call.mp4", "clip", of=source(tmp_path))
    gate.protect(out, [out / "call.mp4"])
    record = gate.record_of(out)
    with pytest.MonkeyPatch().context() as patched:
        patched.setattr(written, "_STALE_LINES", 0)
        for _ in range(12):
            write_text(out / "call.txt", "last", of=source(tmp_path))
        before = record.path.stat().st_size
        gate.claim(out)
    assert record.path.stat().st_size < before / 2
    write_text(out / "call.txt", "one more", of=source(tmp_path))
    with pytest.raises(NotOursError):
        write_text(out / "call.mp4", "x", of=source(tmp_path))


def test_a_record_with_an_unfinished_line_is_continued(out: Path, tmp_path: Path) -> None:
    write_text(out / "call.txt", "one", of=source(tmp_path))
    with gate.record_of(out).path.open("ab") as file:
        file.write(b' {"path":"\\x"}\n {"path":"call.tx')
    gate.protect(out, [source(tmp_path).path])
    write_text(out / "call.txt", "two", of=source(tmp_path))
    write_text(out / "call.txt", "three", of=source(tmp_path))
    assert results(out) == {"call.txt": "three"}


def test_record_lines_without_our_mac_are_ignored(tmp_path: Path) -> None:
    out = tmp_path / "out"
    for key, works in ((b"mine", True), (b"forged", False), (b"mine", True)):
        with gate.output(out, "voice", [], key):
            if works:
                write_text(out / "call.txt", "one", of=source(tmp_path))
            else:
                with pytest.raises(NotOursError, match="not written by Reelmill"):
                    write_text(out / "call.txt", "two", of=source(tmp_path))


def test_a_worker_can_write_only_to_the_places_passed_to_it(out: Path, tmp_path: Path) -> None:
    import pickle
    import subprocess
    import sys

    code = (
        "import pickle, sys; from pathlib import Path; from reelmill.core import gate; "
        "from reelmill.core.atomic import write_text; from reelmill.errors import NotOursError\n"
        "gate.enter(pickle.loads(bytes.fromhex(sys.argv[1])))\n"
        "write_text(Path(sys.argv[2], '.cache', 'a.json'), 'x')\n"
        "for name in sys.argv[3:]:\n"
        "    try: write_text(Path(name), 'x')\n"
        "    except NotOursError: continue\n"
        "    sys.exit(1)\n"
    )
    places = pickle.dumps([one for one in gate.places() if one.is_output]).hex()
    wrong = [str(source(tmp_path).path), str(tmp_path / "elsewhere")]
    subprocess.run([sys.executable, "-c", code, places, str(out), *wrong], check=True)
    assert (out / ".cache" / "a.json").read_text() == "x"
