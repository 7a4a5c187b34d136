"""Invented and missing text on real sound, compared with faster-whisper in the same call.

There must be no words where nobody speaks, and no fewer where people speak quietly; faster-whisper
has the same weights.

    python -m benchmarks.real.text REAL --model FOLDER --music FOLDER [--human FOLDER]
        [--minutes 30] [--json FILE]

REAL is the folder of real recordings; FOLDER of `--model` a real Whisper in CTranslate2's format;
`--music` recordings of music (Debian's asterisk-moh-opsound-wav), `--human` laughs, coughs and
moans (Debian's hedgewars-data, the voices' `Laugh.ogg` and `Poison*.ogg`), of which every second
one was tuned on and the others count. Noise and silence are made here, of fixed seeds.

Quiet speech is made of `voices/ocean` (56 people reading, with their words; nothing was tuned on
them): every second sentence 30 dB quieter, over the noise of a quiet line, 30 minutes in all.
Words are counted without case, against the truth by what both have in order; number words to ten
are digits, each a word of its own ("5.571" is four). A sentence is lost where ours has less than
half of its words and faster-whisper, one by one with its own speech detector, has at least half;
it has no text where no segment of ours covers its middle.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import tempfile
import wave
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import soundfile

from benchmarks.common import Measured, measure, measure_reelmill, show, told_command, write_result
from benchmarks.real.conversations import RATE, resampled
from benchmarks.real.recognition import normalized

Int16 = npt.NDArray[np.int16]

_QUIETER = 10 ** (-30 / 20)
_NOISE = 3.0


def main() -> None:
    options = _options()
    with tempfile.TemporaryDirectory(prefix="reelmill-text-") as folder:
        work = Path(folder)
        parts = {"nobody": _nobody_speaks, "quiet": _quiet_speech}
        content = {name: parts[name](options, work / name) for name in options.parts}
    write_result(options.json, {"command": told_command("benchmarks.real.text"), **content})


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("real", type=Path, help="folder of real recordings")
    parser.add_argument("--model", required=True, help="folder of a real Whisper model")
    parser.add_argument("--music", type=Path, required=True, help="folder of music")
    parser.add_argument("--human", type=Path, help="folder of laughs, coughs, moans")
    parser.add_argument(
        "--parts", nargs="+", choices=("nobody", "quiet"), default=("nobody", "quiet")
    )
    parser.add_argument(
        "--minutes", type=float, default=30, help="length of each kind of sound in minutes"
    )
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    return parser.parse_args()


def _nobody_speaks(options: argparse.Namespace, work: Path) -> list[dict[str, Any]]:
    """Words and findings in music, noise, silence and human sounds that are no words."""
    work.mkdir(parents=True)
    seconds = round(60 * options.minutes / 3)
    sets = {
        "music": _looped(sorted(options.music.glob("*.wav")), seconds),
        "noise": _noise(seconds),
        "silence": np.zeros(seconds * RATE, np.int16),
    }
    if options.human is not None:
        # Every second one of each kind was tuned on.
        kinds = (sorted(options.human.rglob(name)) for name in ("Laugh.ogg", "Poison*.ogg"))
        sets["laughs, coughs, moans"] = _apart([file for kind in kinds for file in kind[1::2]])
    for name, sound in sets.items():
        _write(work / f"{name}.wav", sound)
    texts, findings, _ = _ours(options.model, sorted(work.glob("*.wav")), work / "out")
    theirs, _ = _faster_whisper(options.model, sorted(work.glob("*.wav")), work)
    rows = [
        {
            "what": name,
            "minutes": len(sound) / RATE / 60,
            "words": len(texts[name].split()),
            "faster-whisper": len(theirs[f"{name}.wav"].split()),
            "text": texts[name],
            "left out": "; ".join(f"{one['label']}: {one['text']}" for one in findings[name]),
        }
        for name, sound in sets.items()
    ]
    show("nobody speaks", [{key: row[key] for key in list(row)[:4]} for row in rows])
    return rows


def _quiet_speech(options: argparse.Namespace, work: Path) -> dict[str, Any]:
    """Words found of sentences of which every second one is quiet."""
    work.mkdir(parents=True)
    spoken = dict(_quiet_recordings(options.real / "voices" / "ocean", work, options.minutes))
    truth = {name: [one.words for one in sentences] for name, sentences in spoken.items()}
    files = [work / name for name in truth]
    ours, _, measured = _ours(options.model, files, work / "out", "--language", "en")
    texts = {name: _segments(work / "out" / Path(name).with_suffix(".json")) for name in truth}
    theirs, peer = _faster_whisper(options.model, files, work, "en")
    contenders = {
        "reelmill": {name: ours[Path(name).stem] for name in truth},
        "faster-whisper, one by one": theirs,
    }
    found = {
        what: [
            _found(sentence, text[name])
            for name, sentences in truth.items()
            for sentence in sentences
        ]
        for what, text in contenders.items()
    }
    total = sum(len(_words(one)) for sentences in truth.values() for one in sentences)
    shares = list(zip(*found.values(), strict=True))
    heard = [
        any(start <= (one.start + one.end) / 2 <= end for start, end in texts[name])
        for name, sentences in spoken.items()
        for one in sentences
    ]
    said = [sentence for sentences in truth.values() for sentence in sentences]
    lost = [
        {
            "sentence": sentence,
            "found %": 100 * mine,
            "faster-whisper %": 100 * other,
            "text of ours there": there,
        }
        for sentence, (mine, other), there in zip(said, shares, heard, strict=True)
        if mine < 0.5 <= other
    ]
    gained = sum(other < 0.5 <= mine for mine, other in shares)
    times = {"reelmill": measured, "faster-whisper, one by one": peer}
    rows = [
        {
            "what": what,
            "words found %": 100 * _weighted(found[what], truth) / total,
            "words": sum(len(text.split()) for text in contenders[what].values()),
            "sentences lost": {"reelmill": len(lost)}.get(what, gained),
            "s": times[what].seconds,
        }
        for what in contenders
    ]
    show(f"{len(shares)} sentences, {total} words, every second one 30 dB quieter", rows)
    without = sum(not there for there in heard)
    return {
        "sentences": len(shares),
        "words": total,
        "rows": rows,
        "lost": lost,
        "without text": without,
        "without text, found by faster-whisper": sum(
            not there and other >= 0.5 for there, (_, other) in zip(heard, shares, strict=True)
        ),
    }


def _weighted(shares: Sequence[float], truth: dict[str, list[str]]) -> float:
    sentences = [one for some in truth.values() for one in some]
    return sum(share * len(_words(one)) for share, one in zip(shares, sentences, strict=True))


@dataclass(frozen=True)
class _Sentence:
    """What is said from `start` to `end` s of a file."""

    words: str
    start: float
    end: float


def _quiet_recordings(
    ocean: Path, work: Path, minutes: float
) -> Iterator[tuple[str, list[_Sentence]]]:
    """Files of all sentences of one person, and what they are."""
    lines = (ocean / "text.txt").read_text(encoding="utf-8").splitlines()
    texts = dict(line.split(maxsplit=1) for line in lines if len(line.split()) > 1)
    people = sorted(one for one in ocean.iterdir() if one.is_dir())
    random = np.random.default_rng(1)
    total = 0.0
    for person in people:
        parts: list[npt.NDArray[np.float64]] = []
        said: list[_Sentence] = []
        at = 0
        for number, file in enumerate(sorted(person.iterdir())):
            words = texts.get(file.stem)
            if words is None:
                continue
            sound, rate = soundfile.read(file, dtype="float64", always_2d=True)
            mono = resampled(sound.mean(axis=1), rate, RATE) * 32767
            parts += [mono * (_QUIETER if number % 2 else 1.0), np.zeros(round(0.7 * RATE))]
            said.append(_Sentence(words.strip(), at / RATE, (at + len(mono)) / RATE))
            at += len(mono) + len(parts[-1])
        joined = np.concatenate(parts)
        joined += random.normal(0, _NOISE, len(joined))
        name = f"{person.name}.wav"
        _write(work / name, np.clip(joined, -32768, 32767).astype(np.int16))
        yield name, said
        total += len(joined) / RATE
        if total >= 60 * minutes:
            return


def _found(sentence: str, text: str) -> float:
    """The share of a sentence's words that a text has together, in order."""
    wanted, there = _words(sentence), _words(text)
    if not wanted:
        return 1.0
    best = SequenceMatcher(None, there, wanted, autojunk=False).find_longest_match()
    window = there[max(0, best.a - best.b - 3) : best.a - best.b + len(wanted) + 3]
    blocks = SequenceMatcher(None, window, wanted, autojunk=False).get_matching_blocks()
    return sum(block.size for block in blocks) / len(wanted)


def _segments(result: Path) -> list[tuple[float, float]]:
    """The times of all segments of a transcript in s."""
    segments = json.loads(result.read_text(encoding="utf-8"))["segments"]
    return [(segment["start"], segment["end"]) for segment in segments]


def _words(text: str) -> list[str]:
    return re.sub(r"(?<=\d)(?=\d)", " ", normalized(text, "en")).split()


def _ours(
    model: str, files: Sequence[Path], out: Path, *options: str
) -> tuple[dict[str, str], dict[str, list[dict[str, Any]]], Measured]:
    """Texts and findings by name without suffix."""
    measured = measure_reelmill(
        "voice", *map(str, files), "-o", str(out), "--model", model, "--no-align",
        "--diarizer", "none", "--formats", "json", *options,
    )  # fmt: skip
    results = {one.stem: json.loads((out / f"{one.stem}.json").read_text("utf-8")) for one in files}
    return (
        {name: result["text"] for name, result in results.items()},
        {name: result["findings"] for name, result in results.items()},
        measured,
    )


def _faster_whisper(
    model: str, files: Sequence[Path], work: Path, language: str | None = None
) -> tuple[dict[str, str], Measured]:
    out = work / "faster-whisper.json"
    how = "loop" if language is None else f"loop:{language}"
    peer = [sys.executable, "-m", "benchmarks.peers", how, model, str(out), *map(str, files)]
    measured = measure(peer)
    return json.loads(out.read_text(encoding="utf-8")), measured


def _looped(files: Sequence[Path], seconds: int) -> Int16:
    sounds = []
    for file in files:
        sound, rate = soundfile.read(file, dtype="float64", always_2d=True)
        sounds.append(np.int16(np.clip(resampled(sound.mean(axis=1), rate, RATE), -1, 1) * 32767))
    return np.resize(np.concatenate(sounds), seconds * RATE)


def _noise(seconds: int) -> Int16:
    """White, pink and a quiet room, each a third."""
    random = np.random.default_rng(2)
    third = seconds * RATE // 3
    white = random.normal(0, 1500, third)
    spectrum = np.fft.rfft(random.normal(0, 1, third))
    spectrum /= np.sqrt(np.maximum(np.arange(len(spectrum)), 1))
    pink = np.fft.irfft(spectrum, third)
    pink *= 2000 / pink.std()
    room = random.normal(0, 20, third)
    return np.int16(np.clip(np.concatenate([white, pink, room]), -32768, 32767))


def _apart(files: Sequence[Path]) -> Int16:
    """Sounds with pauses of 2.5 s between them."""
    random = np.random.default_rng(3)
    parts = []
    for file in files:
        sound, rate = soundfile.read(file, dtype="float64", always_2d=True)
        mono = resampled(sound.mean(axis=1), rate, RATE)
        parts += [np.int16(np.clip(mono, -1, 1) * 32767), random.integers(-20, 20, RATE * 5 // 2)]
    return np.concatenate(parts).astype(np.int16)


def _write(path: Path, sound: Int16) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(np.asarray(sound, "<i2").tobytes())


if __name__ == "__main__":
    main()
