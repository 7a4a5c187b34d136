"""Short videos cut from the sample film, with what they say."""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import av
import numpy as np

from tests.media.make import write

FILMS = Path(str(resources.files("reelmill") / "assets" / "films"))
FILM = next(FILMS.glob("*.mp4"))
SAID = json.loads((FILMS / "truth" / f"{FILM.name}.json").read_text())["utterances"]
_RATE = 16_000
_AROUND_S = 0.3


@dataclass(frozen=True)
class Clip:
    """Sound (1, samples) at 16 kHz; and of each sentence its start and its texts by language."""

    samples: np.ndarray
    starts: tuple[float, ...]
    texts: dict[str, list[str]]


def film_sound() -> np.ndarray:
    """Shape (samples,), 16 kHz."""
    with av.open(str(FILM)) as source:
        resampler = av.AudioResampler("fltp", "mono", _RATE)
        return np.concatenate(
            [
                part.to_ndarray()[0]
                for frame in source.decode(audio=0)
                for part in resampler.resample(frame)
            ]
        )


def clip(*numbers: int) -> Clip:
    """Sentences of the film one after the other, with some quiet around each."""
    sound = film_sound()
    pieces: list[np.ndarray] = []
    starts: list[float] = []
    for number in numbers:
        said = SAID[number]
        first = max(0, round((said["start"] - _AROUND_S) * _RATE))
        starts.append(sum(map(len, pieces)) / _RATE + said["start"] - first / _RATE)
        pieces.append(sound[first : round((said["end"] + _AROUND_S) * _RATE)])
    texts = {
        language: [SAID[number]["translations"][language] for number in numbers]
        for language in ("ko", "en")
    }
    return Clip(np.concatenate(pieces)[None], tuple(starts), texts)


def hush(seconds: float) -> np.ndarray:
    """The sound of an empty room, shape (1, samples)."""
    return np.random.default_rng(0).normal(0, 0.0005, (1, round(seconds * _RATE))).astype("f4")


def video(path: Path, *tracks: np.ndarray) -> Path:
    """A Matroska video with these sounds as its tracks."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return write(path, *tracks, container="matroska", codec="aac", rate=_RATE, video=True)
