"""Small recordings for the attacks, made once and copied."""

from __future__ import annotations

import shutil
import tempfile
import threading
from collections.abc import Callable
from functools import cache
from importlib import resources
from pathlib import Path

import av
import numpy as np
import soundfile

_ASSETS = Path(str(resources.files("reelmill"))) / "assets"
_RATE = 16_000
_lock = threading.RLock()


@cache
def _store() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="reelmill-attack-inputs-")


def _made(name: str, make: Callable[[Path], object]) -> Path:
    """An input made at first use."""
    with _lock:
        path = Path(_store().name) / name
        if not path.exists():
            part = path.with_name(f"part-{name}")
            make(part)
            part.rename(path)
    return path


def _voicemail(first: float, last: float) -> Callable[[Path], None]:
    def cut(path: Path) -> None:
        samples, rate = soundfile.read(_ASSETS / "samples" / "voicemail.wav", dtype="int16")
        soundfile.write(path, samples[round(first * rate) : round(last * rate)], rate, "PCM_16")

    return cut


#: What is said in `call` and in `other`: a word of each that the other has not.
CALL_WORD, OTHER_WORD = "Emma", "Osaka"


def call(path: Path) -> Path:
    """`Emma called me four times this week.`, 2.8 s."""
    return _copied(_made("call.wav", _voicemail(0.0, 2.8)), path)


def other(path: Path) -> Path:
    """`Listen, there are forty people at Osaka.`, about 4 s."""
    return _copied(_made("other.wav", _voicemail(7.5, 12.0)), path)


def spoken(path: Path, container: str, codec: str) -> Path:
    """The voicemail in another format, 12 s."""

    def encode(to: Path) -> None:
        source = _ASSETS / "samples" / "voicemail.wav"
        with av.open(f"file:{source}") as given, av.open(f"file:{to}", "w", container) as made:
            stream = made.add_stream(codec, rate=48_000 if codec == "libopus" else _RATE)
            resampler = av.AudioResampler(stream.format.name, "mono", stream.rate)
            for frame in given.decode(audio=0):
                for part in resampler.resample(frame):
                    made.mux(stream.encode(part))
            made.mux(stream.encode(None))

    return _copied(_made(f"voicemail.{container}", encode), path)


def hiss(path: Path, seconds: float = 1.0, seed: int = 0) -> Path:
    """A little noise; nothing is said."""
    noise = np.random.default_rng(seed).normal(0, 0.01, round(seconds * _RATE))
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, noise.astype(np.float32), _RATE, "PCM_16", format="WAV")
    return path


def talk(path: Path) -> Path:
    """A video of people, 4 s."""
    return _copied(_made("talk.mp4", lambda to: _cut(_sample("people"), to, 4.0)), path)


def film(path: Path) -> Path:
    """A film in which Japanese is spoken, 6 s."""
    return _copied(_made("film.mp4", lambda to: _cut(_sample("films"), to, 6.0)), path)


def _sample(folder: str) -> Path:
    return next((_ASSETS / folder).glob("*.mp4"))


def _copied(made: Path, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(made, path)
    return path


def _cut(source: Path, target: Path, seconds: float) -> None:
    """The beginning of a file, its packets as they are."""
    with av.open(f"file:{source}") as given, av.open(f"file:{target}", "w", format="mp4") as cut:
        streams = {one.index: cut.add_stream_from_template(one) for one in given.streams}
        for packet in given.demux():
            if packet.dts is None or float(packet.dts * packet.time_base) >= seconds:
                continue
            packet.stream = streams[packet.stream.index]
            cut.mux(packet)
