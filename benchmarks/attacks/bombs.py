"""Rows 8 to 10: small files that claim a disk or a memory."""

from __future__ import annotations

import signal
import struct
import wave
import zlib
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from benchmarks.attacks.inputs import call, hiss, spoken, talk
from benchmarks.attacks.originals import FACES, VOICE
from benchmarks.attacks.rows import Cases, Outcome, ended, row
from benchmarks.attacks.sandbox import Ran, Sandbox
from tests.faults.kit import small_disk

#: A bomb may cost a run this much memory in all its processes together, in MB.
_MOST_MB = 2000
_HOURS_20 = 20 * 3600


@row(
    8,
    "a disk bomb: a small file claims hours",
    how="a mkv of 10,000 h with a gap, a flac of 20 h of silence; the output on a disk of 150 MB, "
    "two good recordings",
    right="the bomb fails alone and by its name; the others are done",
    seconds=150,
)
def disk_bomb(box: Sandbox) -> Outcome:
    if not _has_small_disks(box.root / "probe"):
        return Outcome("", True, skipped="needs a small disk, which may not be mounted here")
    cases = Cases(box)
    for name, make in (("gap.mkv", _gap_bomb), ("silence.flac", _silence_bomb)):
        folder = box.root / f"in-{name}"
        call(folder / "good.wav")
        hiss(folder / "noise.wav", 30.0)
        make(folder / name)
        size = (folder / name).stat().st_size
        disk = box.root / f"disk-{name}"
        with small_disk(disk, "150m", needed=False):
            ran = box.run("voice", folder, "-o", disk / "out", *VOICE, seconds=70)
            done = [one for one in ("good", "noise") if (disk / "out" / f"{one}.json").exists()]
            ok = ran.exit_code in (0, 1) and len(done) == 2
            told = f"{len(done)} of 2 others done; {ended(box, ran)}"
        cases.case(f"{name} ({size >> 10} kB)", ok, told)
    return cases.end()


def _has_small_disks(at: Path) -> bool:
    with small_disk(at, "1m", needed=False) as remount:
        return remount("size=2m")


def _gap_bomb(path: Path) -> None:
    """A second of sound at the beginning, and one 10,000 hours later."""
    with av.open(f"file:{path}", "w", format="matroska") as made:
        stream = made.add_stream("pcm_s16le", rate=8000)
        stream.time_base = Fraction(1, 1000)
        for at in (0, 10_000 * 3600 * 1000):
            packet = av.Packet(np.random.default_rng(at % 97).bytes(16_000))
            packet.stream, packet.time_base = stream, Fraction(1, 1000)
            packet.pts = packet.dts = at
            packet.duration = 1000
            made.mux(packet)


def _silence_bomb(path: Path) -> None:
    """20 hours of digital silence: the frames of a constant take a few bytes each."""
    block, rate = 65_535, 8000
    total = _HOURS_20 * rate
    info = struct.pack(">HH", block, block) + bytes(6)
    info += ((rate << 44) | (15 << 36) | total).to_bytes(8, "big") + bytes(16)
    with path.open("wb") as file:
        file.write(b"fLaC\x80" + len(info).to_bytes(3, "big") + info)
        for number in range(total // block):
            # Block size in 16 bits at the end, 8 kHz, mono, 16 bits; one constant subframe of 0.
            head = b"\xff\xf8\x74\x08" + _coded_number(number) + (block - 1).to_bytes(2, "big")
            frame = head + bytes([_crc(head, 0x07, 8)]) + bytes(3)
            file.write(frame + _crc(frame, 0x8005, 16).to_bytes(2, "big"))


def _coded_number(number: int) -> bytes:
    """A frame's number as FLAC writes it: like UTF-8."""
    return chr(number).encode("utf-8", "surrogatepass")


def _crc(data: bytes, polynomial: int, bits: int) -> int:
    rest, top = 0, 1 << (bits - 1)
    for byte in data:
        rest ^= byte << (bits - 8)
        for _ in range(8):
            rest = (rest << 1) ^ polynomial if rest & top else rest << 1
        rest &= (1 << bits) - 1
    return rest


@row(
    9,
    "memory bombs",
    how="a mkv of 400 tracks of 4K; a picture of 12,000 x 12,000 x 64 bits as video; a wav of "
    "2 Hz; a cover of 16,000 x 16,000; a good one beside each",
    right=f"limits on tracks, pixels and memory a worker: it fails alone or costs under "
    f"{_MOST_MB} MB",
    seconds=240,
)
def memory_bombs(box: Sandbox) -> Outcome:
    cases = Cases(box)
    for name, make in (
        ("tracks.mkv", _tracks_bomb),
        ("2hz.wav", lambda path: _slow_wav(path, 2)),
        ("cover.mp3", _cover_bomb),
    ):
        folder = box.root / f"in-{name}"
        make(folder / name)
        call(folder / "good.wav")
        ran = box.run("voice", folder, "-o", f"out-{name}", *VOICE, seconds=60)
        _judge(cases, box, ran, name, box.root / f"out-{name}" / "good.json")
    folder = box.root / "in-pixels"
    _pixel_bomb(folder / "pixels.mov")
    talk(folder / "good.mp4")
    ran = box.run("faces", folder, "-o", "out-pixels", *FACES, seconds=60)
    _judge(cases, box, ran, "pixels.mov", box.root / "out-pixels" / "good.faces.json")
    return cases.end()


def _judge(cases: Cases, box: Sandbox, ran: Ran, name: str, good: Path) -> None:
    ok = ran.exit_code in (0, 1) and good.exists() and ran.peak_mb < _MOST_MB
    done = "the other done" if good.exists() else "the other NOT done"
    cases.case(name, ok, f"{ran.peak_mb:,.0f} MB, {done}, {ended(box, ran)}")


def _tracks_bomb(path: Path, tracks: int = 400) -> None:
    """One packet of 4K video on each of many tracks."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(f"file:{path}.one", "w", format="matroska") as made:
        stream = made.add_stream("libx264", rate=25, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = 3840, 2160, "yuv420p"
        stream.codec_context.thread_count = 1
        for number in range(2):
            picture = np.full((2160, 3840, 3), 40 * number, np.uint8)
            made.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        made.mux(stream.encode(None))
    one = Path(f"{path}.one")
    with av.open(f"file:{one}") as given, av.open(f"file:{path}", "w", "matroska") as made:
        video = given.streams.video[0]
        streams = [made.add_stream_from_template(video) for _ in range(tracks)]
        for packet in [packet for packet in given.demux(video) if packet.dts is not None]:
            for stream in streams:
                copy = av.Packet(bytes(packet))
                copy.pts, copy.dts, copy.time_base = packet.pts, packet.dts, packet.time_base
                copy.is_keyframe, copy.stream = packet.is_keyframe, stream
                made.mux(copy)
    one.unlink()


def _slow_wav(path: Path, rate: int, size: int = 60_000) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(1)
        file.setframerate(rate)
        file.writeframes(np.random.default_rng(rate).bytes(size))


def _cover_bomb(path: Path) -> None:
    """An mp3 whose cover is a PNG of 16,000 x 16,000 pixels."""
    spoken(path, "mp3", "libmp3lame")
    picture = b"\x00image/png\x00\x03\x00" + _png(16_000, 16_000, bits=8)
    frame = b"APIC" + len(picture).to_bytes(4, "big") + b"\x00\x00" + picture
    size = bytes(len(frame) >> shift & 0x7F for shift in (21, 14, 7, 0))
    path.write_bytes(b"ID3\x03\x00\x00" + size + frame + path.read_bytes())


def _pixel_bomb(path: Path, side: int = 12_000, frames: int = 5) -> None:
    """Video whose every picture is a PNG of 64 bits a pixel."""
    path.parent.mkdir(parents=True, exist_ok=True)
    png = _png(side, side, bits=16)
    with av.open(f"file:{path}", "w", format="mov") as made:
        stream = made.add_stream("png", rate=25)
        stream.width = stream.height = side
        stream.pix_fmt = "rgba64be"
        for number in range(frames):
            packet = av.Packet(png)
            packet.stream, packet.time_base = stream, Fraction(1, 25)
            packet.pts = packet.dts = number
            packet.is_keyframe = True
            made.mux(packet)


def _png(width: int, height: int, bits: int) -> bytes:
    """A black picture with transparency; its rows are compressed one by one, never held."""
    line = bytes(1 + width * 4 * bits // 8)
    packer = zlib.compressobj(1)
    packed = b"".join(packer.compress(line) for _ in range(height)) + packer.flush()
    head = struct.pack(">IIBBBBB", width, height, bits, 6, 0, 0, 0)
    chunks = [(b"IHDR", head), (b"IDAT", packed), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(map(_chunk, chunks))


def _chunk(chunk: tuple[bytes, bytes]) -> bytes:
    kind, data = chunk
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


@row(
    10,
    "a wav of 1 Hz",
    how="60 kB that are 60,000 s of sound, a good one beside it; stopped after 30 s",
    right="a filter that gives nothing is an error: the recording fails, or its sound is there",
)
def one_hertz(box: Sandbox) -> Outcome:
    _slow_wav(box.root / "in" / "1hz.wav", 1)
    hiss(box.root / "in" / "good.wav", 0.5)  # the smaller one goes first
    out = box.root / "out"
    command = box.start("voice", "in", "-o", "out", *VOICE)
    command.wait_until(lambda: False, 30.0)
    command.process.send_signal(signal.SIGINT)
    ran = box.finish(command)
    good = (out / "good.json").exists()
    # Done in less than that is only what fails: 16 hours of sound take longer.
    ok = ran.exit_code in (1, 3) and good and ran.peak_mb < _MOST_MB
    done = "the other done" if good else "the other NOT done"
    return Outcome(f"{ran.peak_mb:,.0f} MB, {done}, {ended(box, ran)}", ok)
