"""Synthetic videos to be subtitled: two who talk, with the truth about every sentence and what it
says in other languages.

The picture is a clock and a lamp for each speaker, lit while they speak: so whether a subtitle
comes at the right time can be seen.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import numpy as np

from synthetic.acoustics import Noise, decibels, noise
from synthetic.calls import TRUTH_SCHEMA, Utterance, speaker_name
from synthetic.movie import SoundTrack, write_movie
from synthetic.parallel import written
from synthetic.sentences import LANGUAGES, held_out_sentence, training_sentence
from synthetic.synth import RATE, Clip, Samples, SpokenWord, synthesize
from synthetic.voices import Voice

if TYPE_CHECKING:
    from PIL.Image import Image

_SPEECH_RMS = 0.1
_ROOM_DB = -45.0  # below the speech
_MARGIN_S = 0.6
_LAMPS = ((0.30, (255, 196, 64)), (0.70, (96, 208, 255)))
_WALL_TOP, _WALL_BOTTOM = np.array([24, 34, 54]), np.array([66, 82, 106])


@dataclass(frozen=True)
class FilmPlan:
    """Everything that decides what a film is; the same plan gives the same film.

    `pause`: seconds between two sentences, from and to; `silence`: seconds in which nobody speaks,
    after half of the sentences. `voices`: one or two, who take turns.
    """

    seed: str
    voices: tuple[Voice, ...]
    sentences: int = 8
    language: str = "ja"
    kinds: tuple[str, ...] = ()
    pause: tuple[float, float] = (0.5, 1.2)
    silence: float = 0.0
    held_out: bool = True
    width: int = 640
    height: int = 360
    rate: int = 25


@dataclass(frozen=True)
class Line:
    """A sentence of a film and, by language, what a translator should write for it."""

    utterance: Utterance
    translations: dict[str, str]


@dataclass(frozen=True)
class Film:
    """Sound (16 kHz, mono) and truth."""

    plan: FilmPlan
    samples: Samples
    lines: tuple[Line, ...]

    @property
    def duration(self) -> float:
        return len(self.samples) / RATE

    def truth(self, file: str) -> dict[str, object]:
        """What a truth file holds: as that of a call, each utterance with its `translations`."""
        return {
            "schema": TRUTH_SCHEMA,
            "file": file,
            "duration": round(self.duration, 3),
            "language": self.plan.language,
            "speakers": sorted({line.utterance.speaker for line in self.lines}),
            "utterances": [
                {**asdict(line.utterance), "translations": line.translations} for line in self.lines
            ],
        }


def make_film(plan: FilmPlan) -> Film:
    """What is said in a film. Raises espeak.EspeakError when espeak-ng is missing."""
    rng = Random(plan.seed)
    placed: list[tuple[float, Clip]] = []
    lines: list[Line] = []
    at = _MARGIN_S
    for number in range(plan.sentences):
        speaker = number % len(plan.voices)
        kind = rng.choice(plan.kinds) if plan.kinds else None
        draw = held_out_sentence if plan.held_out and kind != "fixed" else training_sentence
        sentence = draw(rng, kind)
        clip = synthesize(sentence.words[plan.language], plan.language, plan.voices[speaker])
        placed.append((at, clip))
        others = {code: written(sentence, code) for code in LANGUAGES if code != plan.language}
        lines.append(Line(_utterance(clip, at, speaker, sentence.kind), others))
        at += clip.duration + rng.uniform(*plan.pause)
        if number + 1 == plan.sentences // 2:
            at += plan.silence
    last = lines[-1].utterance.end if lines else 0.0
    return Film(plan, _sound(rng, placed, last + _MARGIN_S), tuple(lines))


def write_film(path: Path, film: Film, truth_path: Path | None = None) -> None:
    """Write the video (H.264 and AAC) and, where asked for, its truth.

    Raises:
        OSError: cannot be written.
    """
    sound = SoundTrack(film.samples, RATE)
    write_movie(path, _pictures(film), Fraction(film.plan.rate), sound, key_every=250)
    if truth_path is not None:
        text = json.dumps(film.truth(path.name), ensure_ascii=False, indent=1)
        truth_path.write_text(text + "\n", encoding="utf-8")


def _utterance(clip: Clip, at: float, speaker: int, kind: str) -> Utterance:
    words = tuple(
        SpokenWord(word.text, round(at + word.start, 3), round(at + word.end, 3))
        for word in clip.words
    )
    end = round(at + clip.duration, 3)
    return Utterance(
        speaker_name(speaker), round(at, 3), end, clip.language, kind, clip.text, words
    )


def _sound(rng: Random, placed: list[tuple[float, Clip]], seconds: float) -> Samples:
    samples = np.zeros(round(seconds * RATE), np.float32)
    for at, clip in placed:
        begin = round(at * RATE)
        level = _SPEECH_RMS / np.sqrt(np.mean(clip.samples**2))
        samples[begin : begin + len(clip.samples)] += clip.samples * np.float32(level)
    generator = np.random.default_rng(rng.getrandbits(32))
    room = noise(generator, Noise.PINK, len(samples))
    samples += room * np.float32(_SPEECH_RMS * decibels(_ROOM_DB))
    samples /= np.float32(max(1.0, float(np.abs(samples).max(initial=0.0)) / 0.99))
    return samples


def _pictures(film: Film) -> Iterator[np.ndarray]:
    plan = film.plan
    for number in range(int(film.duration * plan.rate)):
        second = number / plan.rate
        lit = tuple(
            any(
                line.utterance.start <= second < line.utterance.end
                for line in film.lines
                if line.utterance.speaker == speaker_name(speaker)
            )
            for speaker in range(len(plan.voices))
        )
        tenth = number * 10 // plan.rate
        yield np.asarray(_picture(plan.width, plan.height, lit, tenth / 10))


@lru_cache(maxsize=4)
def _picture(width: int, height: int, lit: tuple[bool, ...], second: float) -> Image:
    from PIL import ImageDraw, ImageFont

    picture = _wall(width, height).copy()
    draw = ImageDraw.Draw(picture)
    radius = height // 7
    for on, (across, colour) in zip(lit, _LAMPS, strict=False):
        x, y = int(width * across), int(height * 0.36)
        fill = colour if on else tuple(value // 4 for value in colour)
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=fill)
    font = ImageFont.load_default(height // 9)
    minutes, seconds = divmod(second, 60)
    draw.text((width / 2, height * 0.1), f"{minutes:02.0f}:{seconds:04.1f}", "white", font, "mm")
    return picture


@lru_cache(maxsize=1)
def _wall(width: int, height: int) -> Image:
    from PIL import Image as Images

    down = np.linspace(0, 1, height)[:, None, None]
    wall = _WALL_TOP * (1 - down) + _WALL_BOTTOM * down
    return Images.fromarray(np.repeat(wall, width, axis=1).astype(np.uint8))
