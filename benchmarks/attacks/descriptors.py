"""Rows 7, 11 to 14 and 23: which bytes are read, of which files, and whether damage is reported."""

from __future__ import annotations

import ctypes
import os
import re
import signal
import struct
import threading
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import av

from benchmarks.attacks.inputs import CALL_WORD, OTHER_WORD, call, hiss, other, spoken, talk
from benchmarks.attacks.originals import FACES, VOICE
from benchmarks.attacks.rows import Cases, Outcome, ended, orderly, row
from benchmarks.attacks.sandbox import Sandbox, text_below

#: How a report says that something of a recording is missing.
_DAMAGE = re.compile(
    r"truncat|corrupt|damag|missing|states|left out|lost|no sound|silence|incomplete|not read", re.I
)
_HUGE = 1 << 40
_IN_CLOSE_NOWRITE, _IN_OPEN = 0x10, 0x20


@row(
    7,
    "damaged sound is not told",
    how="head -c of a wav, a hole in an ogg, bytes flipped in an mp3",
    right="what was left out is a finding: in the closing lines and in the recording's JSON",
    issue=14,
)
def damage_not_told(box: Sandbox) -> Outcome:
    cases = Cases(box)
    folder = box.root / "in"
    wav = call(folder / "cut.wav")
    wav.write_bytes(wav.read_bytes()[: wav.stat().st_size // 3])
    ogg = spoken(folder / "hole.ogg", "ogg", "libopus")
    data = bytearray(ogg.read_bytes())
    middle = len(data) // 3
    ogg.write_bytes(data[:middle] + data[middle + len(data) // 3 :])
    mp3 = spoken(folder / "flipped.mp3", "mp3", "libmp3lame")
    data = bytearray(mp3.read_bytes())
    for at in range(len(data) // 3, 2 * len(data) // 3, 97):
        data[at] ^= 0xFF
    mp3.write_bytes(data)
    ran = box.run("voice", "in", "-o", "out", *VOICE)
    cases.case("closing lines", bool(_DAMAGE.search(ran.text)), ended(box, ran))
    for name in ("cut", "hole", "flipped"):
        path = box.root / "out" / f"{name}.json"
        told = path.exists() and _DAMAGE.search(path.read_text()) is not None
        cases.case(f"{name}.json", told, "told" if told else "nothing told")
    return cases.end()


@row(
    11,
    "a playlist or index of text that names a FIFO",
    how="concat.mp4 (ffconcat naming pipe.wav), v.mp4 (VobSub index) beside v.sub, a FIFO; one "
    "worker, good.wav beside them",
    right="formats that open other files are not on the list; FFmpeg gets a descriptor, not a name",
    seconds=45,
)
def playlist_and_fifo(box: Sandbox) -> Outcome:
    folder = box.root / "in"
    box.plant("in/concat.mp4", "ffconcat version 1.0\nfile pipe.wav\n")
    box.plant("in/v.mp4", _VOBSUB)
    for name in ("pipe.wav", "v.sub"):
        os.mkfifo(folder / name)
    hiss(folder / "good.wav")
    files = [f"in/{name}" for name in ("concat.mp4", "v.mp4", "good.wav")]
    ran = box.run("voice", *files, "-o", "out", *VOICE, "--workers", "1", seconds=25)
    done = (box.root / "out" / "good.json").exists()
    return Outcome(ended(box, ran), ran.exit_code == 1 and done)


_VOBSUB = """# VobSub index file, v7 (do not modify this line!)
size: 720x576
langidx: 0
id: en, index: 0
timestamp: 00:00:01:000, filepos: 000000000
timestamp: 00:00:02:000, filepos: 000000800
"""


@row(
    12,
    "one large sparse file",
    how="a wav of 1 TB that is a hole, 3 others, one worker; stopped after 20 s",
    right="hashing of a huge file does not occupy the only worker",
    seconds=60,
)
def sparse_file(box: Sandbox) -> Outcome:
    for number in range(3):
        hiss(box.root / "in" / f"{number}.wav", 1.0, number)
    huge = hiss(box.root / "in" / "huge.wav")
    os.truncate(huge, _HUGE)
    out = box.root / "out"
    command = box.start("voice", "in", "-o", "out", *VOICE, "--workers", "1")
    command.wait_until(lambda: len(_done(out)) == 3, 20.0)
    done = len(_done(out))
    command.process.send_signal(signal.SIGINT)
    ran = box.finish(command, 35.0)
    return Outcome(f"{done} of 3 others done; {ended(box, ran)}", done == 3 and orderly(ran))


def _done(out: Path) -> list[Path]:
    return list(out.glob("[0-9].txt"))


@row(
    13,
    "a link out of the folder",
    how="rootlink -> another folder, up.wav -> .., one -> other.wav outside",
    right="links out of the folder given are not followed, and counted",
)
def link_out_of_the_folder(box: Sandbox) -> Outcome:
    call(box.root / "in" / "sub" / "call.wav")
    other(box.root / "elsewhere" / "private.wav")
    (box.root / "in" / "sub" / "rootlink").symlink_to(box.root / "elsewhere")
    (box.root / "in" / "sub" / "up.wav").symlink_to("../..")
    (box.root / "in" / "sub" / "one.wav").symlink_to(box.root / "elsewhere" / "private.wav")
    ran = box.run("voice", "in", "-o", "out", *VOICE)
    taken = OTHER_WORD in text_below(box.root / "out")
    counted = any("link" in line and re.search(r"\d", line) for line in ran.text.splitlines())
    told = f"{'a recording outside was taken in' if taken else 'none taken in'}, " + (
        "counted" if counted else "not counted"
    )
    return Outcome(f"{told}; {ended(box, ran)}", ran.exit_code == 0 and not taken and counted)


@row(
    14,
    "an original swapped between hashing and decoding",
    how="another call takes its name once it is hashed, and gives it back before the last look",
    right="hashed and decoded through one descriptor; inode and ctime compared too; a change "
    "fails the recording",
)
def swapped_original(box: Sandbox) -> Outcome:
    cases = Cases(box)
    for at in range(3):
        path = call(box.root / f"in{at}" / "call.wav")
        substitute = other(box.root / f"aside{at}" / "call.wav")
        for moved in (path, substitute, substitute.with_name("kept.wav")):
            box.moving(moved)
        out = box.root / f"out{at}"
        command = box.start("voice", path.parent.name, "-o", out.name, *VOICE)
        with _Swapper(path, substitute, out):
            ran = box.finish(command)
        text = text_below(out)
        wrong = ran.exit_code == 0 and OTHER_WORD in text and CALL_WORD not in text
        told = "the hashes of one with the words of the other" if wrong else ended(box, ran)
        cases.case(f"try {at + 1}", orderly(ran) and not wrong, told)
    return cases.end()


class _Swapper:
    """Renames a substitute over a file when a reader has gone through it once, and the file back
    when its sound has been decoded."""

    def __init__(self, path: Path, substitute: Path, out: Path) -> None:
        self._path, self._substitute, self._out = path, substitute, out
        self._kept = substitute.with_name("kept.wav")
        os.link(path, self._kept)
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._notify = self._libc.inotify_init1(os.O_NONBLOCK)
        mask = _IN_CLOSE_NOWRITE | _IN_OPEN
        self._libc.inotify_add_watch(self._notify, os.fsencode(path), mask)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._swap, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._thread.join()
        os.close(self._notify)

    def _swap(self) -> None:
        if not self._wait(lambda: _IN_CLOSE_NOWRITE in set(self._events()) or self._has("probe")):
            return
        self._substitute.replace(self._path)
        self._wait(lambda: self._has("speech") or self._has("transcribe"))
        self._kept.replace(self._path)

    def _wait(self, condition: Callable[[], object]) -> bool:
        while not self._over.is_set():
            if condition():
                return True
            time.sleep(0.0005)
        return False

    def _has(self, stage: str) -> bool:
        return any((self._out / ".cache").rglob(f"{stage}-*.json"))

    def _events(self) -> Iterator[int]:
        try:
            data = os.read(self._notify, 4096)
        except BlockingIOError:
            return
        while data:
            _, mask, _, length = struct.unpack_from("iIII", data)
            yield mask & (_IN_CLOSE_NOWRITE | _IN_OPEN)
            data = data[16 + length :]


@row(
    23,
    "joined MPEG files, faces",
    how="cat a.mpg a.mpg; cat a.ts a.ts",
    right="every frame is looked at; time stamps that begin anew are followed",
    issue=14,
    seconds=90,
)
def joined_mpeg(box: Sandbox) -> Outcome:
    cases = Cases(box)
    source = talk(box.root / "source.mp4")
    for container, suffix in (("mpeg", "mpg"), ("mpegts", "ts")):
        single, frames = _as_mpeg(source, box.root / f"single.{suffix}", container)
        joined = box.plant(f"{suffix}/joined.{suffix}", single.read_bytes() * 2)
        out = box.root / f"out-{suffix}"
        ran = box.run("faces", joined.parent, "-o", out.name, *FACES, "--formats", "json")
        found = re.search(r'"frames": (\d+)', text_below(out))
        seen = int(found[1]) if found else 0
        cases.case(
            suffix, ran.exit_code == 0 and seen == 2 * frames,
            f"{seen} of {2 * frames} frames; {ended(box, ran)}",
        )  # fmt: skip
    return cases.end()


def _as_mpeg(source: Path, target: Path, container: str) -> tuple[Path, int]:
    """A video as MPEG-2 (mpg) or H.264 (ts), and the number of its frames."""
    codec, count = {"mpeg": "mpeg2video", "mpegts": "libx264"}[container], 0
    with av.open(f"file:{source}") as given, av.open(f"file:{target}", "w", container) as made:
        stream = made.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = 320, 180, "yuv420p"
        stream.bit_rate, stream.codec_context.thread_count = 800_000, 1
        for frame in given.decode(video=0):
            picture = frame.reformat(320, 180, "yuv420p")
            picture.pts, picture.time_base, count = count, Fraction(1, 25), count + 1
            made.mux(stream.encode(picture))
        made.mux(stream.encode(None))
    return target, count
