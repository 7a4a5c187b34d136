"""Training windows made from clips, in the form in which the aligner will see them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from alphabet import DELIMITER, TOKENS, letters
from network import HOP, reach
from numpy.typing import NDArray

from synthetic.acoustics import Noise, decibels, noise, telephone

RATE = 16_000
SILENT = TOKENS.index(DELIMITER)
IGNORED = -1
_POOL_SECONDS = 60

Samples = NDArray[np.float32]


@dataclass(frozen=True)
class Clip:
    samples: NDArray[np.int16]
    language: str
    words: list[tuple[list[int], float, float]]


@dataclass(frozen=True)
class Window:
    """Samples with mean 0 and variance 1, padded so that frame t is seconds t / 50 to (t + 1) / 50.

    `quiet` has SILENT where nobody speaks and IGNORED elsewhere; `words` are letters, first frame,
    and the frame after the last.
    """

    samples: Samples
    quiet: NDArray[np.int64]
    words: list[tuple[list[int], int, int]]


def load(folder: Path) -> list[Clip]:
    """The clips of all finished shards."""
    clips = []
    for path in sorted(folder.glob("*.json")):
        samples = np.load(path.with_suffix(".npy"), mmap_mode="r")
        at = 0
        for entry in json.loads(path.read_text()):
            sound = samples[at : at + entry["samples"]]
            at += entry["samples"]
            words = [(letters(text), start, end) for text, start, end in entry["words"]]
            clips.append(Clip(sound, entry["language"], words))
    return clips


class Maker:
    """Windows of random clips, pauses, levels, noise and telephone band."""

    def __init__(self, clips: Sequence[Clip], seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.by_language: dict[str, list[Clip]] = {}
        for clip in clips:
            self.by_language.setdefault(clip.language, []).append(clip)
        kinds = [kind for kind in Noise if kind is not Noise.NONE]
        self.noises = [noise(self.rng, kind, _POOL_SECONDS * RATE) for kind in kinds]

    def make(self, seconds: float, difficulty: float = 1.0) -> Window:
        """`difficulty` from 0 to 1: how much noise and telephone."""
        rng = self.rng
        count = int(seconds * RATE)
        sound = np.zeros(count, np.float32)
        words: list[tuple[list[int], int, int]] = []
        quiet = np.full(count // HOP, SILENT, np.int64)
        languages = sorted(self.by_language)
        language = str(rng.choice(languages))
        mixed = rng.random() < 0.15
        levels = rng.uniform(-10, 0, 2)
        # Windows begin anywhere in a sentence as often as before it.
        at = int(rng.uniform(-1.5, 0.6) * RATE)
        while at < count:
            clips = self.by_language[str(rng.choice(languages)) if mixed else language]
            clip = clips[rng.integers(len(clips))]
            samples = clip.samples.astype(np.float32) / 32767
            samples *= decibels(levels[rng.integers(2)]) / np.sqrt(np.mean(samples**2))
            begin, end = max(at, 0), max(min(at + len(samples), count), 0)
            sound[begin:end] += samples[begin - at : end - at]
            self._label(clip, at / RATE, quiet, words)
            gap = rng.uniform(0.02, 0.3) if rng.random() < 0.5 else rng.uniform(0.2, 1.2)
            at += len(samples) + int(gap * RATE)
        return Window(self._finish(sound, difficulty), quiet, words)

    def _label(
        self,
        clip: Clip,
        at: float,
        quiet: NDArray[np.int64],
        words: list[tuple[list[int], int, int]],
    ) -> None:
        for spelled, start, end in clip.words:
            first, after = round((at + start) * RATE / HOP), round((at + end) * RATE / HOP)
            quiet[max(first, 0) : max(after, 0)] = IGNORED
            # A word cut by the window's edge is not used for training, nor one with more letters
            # than frames.
            if first >= 0 and after <= len(quiet) and spelled and after - first >= len(spelled):
                words.append((spelled, first, after))

    def _finish(self, sound: Samples, difficulty: float) -> Samples:
        rng = self.rng
        if rng.random() < 0.4 * difficulty:
            sound = telephone(sound)
        if rng.random() < 0.8 * difficulty:
            background = self.noises[rng.integers(len(self.noises))]
            begin = rng.integers(len(background) - len(sound) + 1)
            level = np.sqrt(np.mean(sound**2)) * decibels(-rng.uniform(8, 38))
            sound = sound + background[begin : begin + len(sound)] * np.float32(level)
        else:
            sound = sound + rng.normal(0, 1e-4, len(sound)).astype(np.float32)
        sound = (sound - sound.mean()) / (sound.std() + 1e-7)
        edge = reach() - HOP
        padded: Samples = np.pad(sound, (edge // 2, edge - edge // 2)).astype(np.float32)
        return padded
