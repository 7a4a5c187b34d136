"""Small media files for tests, made on the spot."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.audio.frame import AudioFrame

from synthetic.containers import damaged_adts, with_stated_length

RATE = 16_000

#: name: (container, codec, sample rate) of formats that users have.
FORMATS = {
    "m4a": ("mp4", "aac", 44_100),
    "m4a-16k": ("mp4", "aac", 16_000),
    "mp3": ("mp3", "libmp3lame", 44_100),
    "mp3-8k": ("mp3", "libmp3lame", 8_000),
    "wav": ("wav", "pcm_s16le", 22_050),
    "wav-float": ("wav", "pcm_f32le", 192_000),
    "flac": ("flac", "flac", 48_000),
    "opus": ("ogg", "libopus", 48_000),
    "webm": ("webm", "libopus", 48_000),
    "mka-aac": ("matroska", "aac", 44_100),
    "wma": ("asf", "wmav2", 44_100),
    "ts": ("mpegts", "aac", 48_000),
    "aac": ("adts", "aac", 44_100),
    "alac": ("mp4", "alac", 44_100),
}


def clicks(seconds: float, rate: int, at: tuple[float, ...], channels: int = 1) -> np.ndarray:
    """Quiet noise with loud 10 ms tone bursts: float32, shape (channels, samples)."""
    random = np.random.default_rng(1)
    sound = random.normal(0, 0.002, round(seconds * rate)).astype(np.float32)
    burst = 0.7 * np.sin(2 * np.pi * 1000 * np.arange(round(0.01 * rate)) / rate)
    for second in at:
        start = round(second * rate)
        sound[start : start + len(burst)] += burst.astype(np.float32)
    return np.tile(sound, (channels, 1))


def onset(samples: np.ndarray, near: float, within: float = 0.2) -> float:
    """Where the loudest 10 ms within `within` seconds of `near` begin, in seconds."""
    first = max(0, round((near - within) * RATE))
    piece = samples[first : round((near + within) * RATE)].astype(np.float64) ** 2
    energy = np.convolve(piece, np.ones(RATE // 100), mode="valid")
    return (first + int(np.argmax(energy))) / RATE


def write(
    path: Path,
    *tracks: np.ndarray,
    container: str,
    codec: str,
    rate: int,
    offset: float = 0.0,
    gap: tuple[float, float] | None = None,
    video: bool = False,
    languages: tuple[str, ...] = (),
    options: dict[str, str] | None = None,
) -> Path:
    """Encode sounds, each (channels, samples), as the tracks of a file.

    `offset` moves the first sample's time stamp; `gap` is (where, how long) in seconds.
    """
    with av.open(f"file:{path}", "w", format=container, options=options or {}) as output:
        picture = _add_picture(output, container) if video else None
        streams = []
        for number, track in enumerate(tracks):
            layout = {1: "mono", 2: "stereo", 6: "5.1", 8: "7.1"}[track.shape[0]]
            stream = output.add_stream(codec, rate=rate, layout=layout)
            stream.bit_rate = 64_000
            if number < len(languages):
                stream.metadata["language"] = languages[number]
            streams.append(stream)
        if picture:
            _draw(output, picture, max((track.shape[1] / rate for track in tracks), default=1.0))
        for stream, track in zip(streams, tracks, strict=True):
            _encode(output, stream, track, rate, offset, gap)
    return path


def _encode(output, stream, track, rate, offset, gap) -> None:
    size = stream.codec_context.frame_size or 1024
    for start in range(0, track.shape[1], size):
        piece = track[:, start : start + size]
        shift = offset + (gap[1] if gap and start / rate >= gap[0] else 0.0)
        frame = AudioFrame.from_ndarray(
            np.ascontiguousarray(piece), format="fltp", layout=stream.layout.name
        )
        frame.sample_rate = rate
        frame.time_base = Fraction(1, rate)
        frame.pts = start + round(shift * rate)
        for part in _converted(frame, stream):
            output.mux(stream.encode(part))
    output.mux(stream.encode(None))


def _converted(frame, stream):
    """The frame in the encoder's sample format, time stamps kept."""
    pts = frame.pts
    resampler = av.AudioResampler(stream.format.name, stream.layout.name, stream.rate)
    for part in resampler.resample(frame):
        part.pts = pts
        yield part


def _add_picture(output, container):
    stream = output.add_stream("libvpx" if container == "webm" else "libx264", rate=10)
    stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
    stream.codec_context.thread_count = 1
    return stream


def _draw(output, stream, seconds: float) -> None:
    for number in range(max(1, round(seconds * 10))):
        frame = av.VideoFrame.from_ndarray(
            np.full((48, 64, 3), number % 256, dtype=np.uint8), format="rgb24"
        )
        output.mux(stream.encode(frame))
    output.mux(stream.encode(None))


def in_format(path: Path, name: str, sound: np.ndarray | None = None, **more) -> Path:
    """A file in one of `FORMATS`; without `sound`, clicks at 0.5, 2 and 4.5 of 5 s."""
    container, codec, rate = FORMATS[name]
    if sound is None:
        sound = clicks(5.0, rate, (0.5, 2.0, 4.5))
    return write(path, sound, container=container, codec=codec, rate=rate, **more)


#: Lists of other files, as text: what FFmpeg would read from `{name}`, and from its folder.
LISTS = {
    "ffconcat": "ffconcat version 1.0\nfile '{name}'\nduration 1\n",
    "hls": "#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\n{name}\n#EXT-X-ENDLIST\n",
    "dash": '<?xml version="1.0"?>\n<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" '
    'type="static" mediaPresentationDuration="PT5S"><Period><AdaptationSet mimeType="audio/mp4">'
    '<Representation id="1" bandwidth="1"><BaseURL>{name}</BaseURL></Representation>'
    "</AdaptationSet></Period></MPD>\n",
    "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\n"
    "m=audio 49170 RTP/AVP 0\n",
    "vobsub": "# VobSub index file, v7 (do not modify this line!)\nsize: 720x480\n"
    "id: en, index: 0\ntimestamp: 00:00:01:000, filepos: 000000000\n",
}


def list_of_others(path: Path, kind: str) -> Path:
    """A file that is one of `LISTS`, and the FIFOs it names or that FFmpeg looks for beside it."""
    name = "pipe.wav"
    for fifo in {name, f"{path.stem}.sub", f"{path.stem}.idx"}:
        os.mkfifo(path.with_name(fifo))
    path.write_text(LISTS[kind].format(name=name))
    return path


@contextmanager
def open_fifos(folder: Path) -> Iterator[Callable[[], list[str]]]:
    """Start writers that wait at the FIFOs of a folder. Yields a function that says which found a
    reader; at the end all are released, so that nothing hangs."""
    found: list[str] = []
    fifos = [path for path in folder.iterdir() if path.is_fifo()]
    over = threading.Event()

    def wait(path: Path) -> None:
        while not over.is_set():
            try:
                os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK))
            except OSError:  # ENXIO: nobody reads
                time.sleep(0.01)
            else:
                found.append(path.name)
                return

    waiting = [threading.Thread(target=wait, args=(path,)) for path in fifos]
    for thread in waiting:
        thread.start()
    try:
        yield lambda: found
    finally:
        over.set()
        for thread in waiting:
            thread.join()


def many_tracks(path: Path, count: int, container: str) -> Path:
    """A file of `count` short sounds."""
    with av.open(f"file:{path}", "w", format=container) as output:
        codec = "mp2" if container == "mpegts" else "pcm_s16le"
        streams = [output.add_stream(codec, rate=16_000, layout="mono") for _ in range(count)]
        for stream in streams:
            frame = AudioFrame.from_ndarray(np.zeros((1, 1152), np.int16), "s16", "mono")
            frame.sample_rate, frame.pts = 16_000, 0
            output.mux(stream.encode(frame))
            output.mux(stream.encode(None))
    return path


def large_picture(path: Path, width: int, height: int) -> Path:
    """Three grey pictures of a size: a few kilobytes."""
    with av.open(f"file:{path}", "w", format="matroska") as output:
        stream = output.add_stream("mpeg4", rate=5)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        frame = av.VideoFrame(width, height, "yuv420p")
        for plane in frame.planes:
            plane.update(bytes([128]) * plane.buffer_size)
        for number in range(3):
            frame.pts = number
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path


def joined(path: Path, *files: Path) -> Path:
    """Files put together byte by byte, as `cat` does."""
    path.write_bytes(b"".join(file.read_bytes() for file in files))
    return path


def wav_with_short_header(path: Path, sound: np.ndarray, stated_seconds: float) -> Path:
    """A WAV of 16 kHz whose header states less sound than there is."""
    write(path, sound, container="wav", codec="pcm_s16le", rate=RATE)
    path.write_bytes(with_stated_length(path.read_bytes(), round(stated_seconds * RATE * 2)))
    return path


def amr_with_pauses(path: Path, *parts: tuple[float, float]) -> Path:
    """Raw AMR at 12.2 kbit/s: noise for so many seconds and then a pause that is not sent, as a
    telephone marks it (comfort noise, then nothing), again and again."""
    random = np.random.default_rng(3)
    frames = [b"#!AMR\n"]
    for noise, pause in parts:
        frames += [bytes([0x3C]) + random.bytes(31) for _ in range(round(noise / 0.02))]
        frames += [
            bytes([0x44]) + bytes(5) if number % 8 == 0 else bytes([0x7C])
            for number in range(round(pause / 0.02))
        ]
    path.write_bytes(b"".join(frames))
    return path


def damaged_aac(path: Path, sound: np.ndarray, rate: int, *places: tuple[float, float]) -> Path:
    """Raw AAC of which the frames between these times hold ones instead of sound."""
    whole = write(path, sound, container="adts", codec="aac", rate=rate).read_bytes()
    path.write_bytes(damaged_adts(whole, rate, *places))
    return path
