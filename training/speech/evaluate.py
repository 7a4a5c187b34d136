"""Word and character error rates of a model folder on held-out sentences in held-out voices.

python training/speech/evaluate.py MODEL [--calls 8] [--json FILE]

Calls of two speakers, with and without noise and telephone band, through faster-whisper: plain
(beam 5), batched (beam 5, windows cut by its speech detection), single sentences, silence.
"""

import argparse
import json
import time
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from random import Random

import numpy as np
from faster_whisper import BatchedInferencePipeline, WhisperModel

from synthetic.acoustics import Noise, noise
from synthetic.calls import Call, CallPlan, make_call
from synthetic.sentences import LANGUAGES, UNSPACED, held_out_sentence
from synthetic.synth import RATE, Samples, synthesize
from synthetic.voices import distinct_voices, random_voice


def units(text: str, language: str) -> list[str]:
    """Words of English, characters of Korean and Japanese; no case, no punctuation."""
    kept = "".join(c for c in unicodedata.normalize("NFC", text.lower()) if c not in ".,?、。？")
    return kept.split() if language == "en" else list(kept.replace(" ", ""))


def edits(truth: Sequence[str], heard: Sequence[str]) -> int:
    """Levenshtein distance."""
    row = np.arange(len(heard) + 1)
    for index, unit in enumerate(truth):
        change = row[:-1] + np.array([unit != other for other in heard], int)
        best = np.minimum(row[1:] + 1, change)
        new = np.concatenate([[index + 1], best])
        # Insertions: the running minimum of value minus position.
        offset = np.arange(len(new))
        row = np.minimum.accumulate(new - offset) + offset
    return int(row[-1])


class Score:
    def __init__(self) -> None:
        self.errors = self.units = 0
        self.detected = self.calls = 0
        self.seconds = self.took = 0.0
        self.word_offsets: list[float] = []
        self.worst: list[tuple[float, str, str]] = []

    def add(self, truth: str, heard: str, language: str) -> None:
        wanted, got = units(truth, language), units(heard, language)
        wrong = edits(wanted, got)
        self.errors += wrong
        self.units += len(wanted)
        self.worst.append((wrong / max(len(wanted), 1), truth, heard))

    def summary(self) -> dict[str, float]:
        result = {
            "error_percent": round(100 * self.errors / max(self.units, 1), 2),
            "units": self.units,
            "language_found_percent": round(100 * self.detected / max(self.calls, 1), 1),
            "times_real_time": round(self.seconds / max(self.took, 1e-9), 1),
        }
        if self.word_offsets:
            result["word_start_off_median_s"] = round(float(np.median(self.word_offsets)), 3)
            result["word_start_off_p90_s"] = round(float(np.quantile(self.word_offsets, 0.9)), 3)
        return result


def calls(language: str, count: int, seconds: float, noisy: bool) -> list[Call]:
    rng = Random(f"evaluate-{language}-{seconds}-{noisy}")
    return [
        make_call(
            CallPlan(
                seed=f"evaluate-{language}-{index}-{seconds}-{noisy}",
                seconds=seconds,
                language=language,
                voices=tuple(distinct_voices(rng, 2, held_out=True)),
                noise=rng.choice(list(Noise)) if noisy else Noise.NONE,
                snr_db=rng.uniform(15, 30),
                telephone=noisy and rng.random() < 0.5,
                sentences=100_000,
            )
        )
        for index in range(count)
    ]


def join(texts: list[str], language: str) -> str:
    return ("" if language in UNSPACED else " ").join(text.strip() for text in texts)


def word_offsets(call: Call, words: list[tuple[str, float]]) -> list[float]:
    """Distance from every heard word to the nearest true start of the same word."""
    true = [(word.text, word.start) for said in call.utterances for word in said.words]
    result = []
    for text, start in words:
        same = [abs(start - at) for other, at in true if other.strip() == text.strip()]
        if same:
            result.append(min(same))
    return result


def score_calls(model: WhisperModel, mode: str, made: list[Call]) -> Score:
    score = Score()
    batched = BatchedInferencePipeline(model)
    for call in made:
        truth = join([said.text for said in call.utterances], call.plan.language)
        begin = time.perf_counter()
        if mode == "plain":
            segments, info = model.transcribe(call.samples, beam_size=5, word_timestamps=True)
        else:
            segments, info = batched.transcribe(call.samples, beam_size=5, batch_size=8)
        listed = list(segments)
        score.took += time.perf_counter() - begin
        score.seconds += call.duration
        score.calls += 1
        score.detected += info.language == call.plan.language
        heard = join([segment.text for segment in listed], call.plan.language)
        score.add(truth, heard, call.plan.language)
        words = [(word.word, word.start) for segment in listed for word in segment.words or []]
        if words and call.plan.language not in UNSPACED:
            score.word_offsets += word_offsets(call, words)
    return score


def score_sentences(model: WhisperModel, language: str, count: int) -> Score:
    score = Score()
    rng = Random(f"sentences-{language}")
    for _ in range(count):
        words = held_out_sentence(rng).words[language]
        clip = synthesize(words, language, random_voice(rng, held_out=True))
        samples = np.pad(clip.samples * 0.3, (RATE // 5, RATE // 5)).astype(np.float32)
        begin = time.perf_counter()
        segments, info = model.transcribe(samples, beam_size=5)
        heard = join([segment.text for segment in segments], language)
        score.took += time.perf_counter() - begin
        score.seconds += len(samples) / RATE
        score.calls += 1
        score.detected += info.language == language
        score.add(clip.text, heard, language)
    return score


def silences() -> dict[str, Samples]:
    rng = np.random.default_rng(3)
    sounds = {
        f"{kind.value} {level}": noise(rng, kind, 25 * RATE) * np.float32(level)
        for kind in (Noise.WHITE, Noise.PINK, Noise.BROWN, Noise.HUM)
        for level in (0.001, 0.02, 0.1)
    }
    sounds["digital silence"] = np.zeros(25 * RATE, np.float32)
    return sounds


def invented(model: WhisperModel) -> list[str]:
    """What is heard where nobody speaks, without speech detection."""
    found = []
    for name, sound in silences().items():
        for language in LANGUAGES:
            for timestamps in (True, False):
                segments, _ = model.transcribe(
                    sound, language=language, without_timestamps=not timestamps
                )
                text = "".join(segment.text for segment in segments).strip()
                if text:
                    found.append(f"{name} {language} timestamps={timestamps}: {text}")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("--calls", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--show", type=int, default=0, help="print the worst N of each")
    arguments = parser.parse_args()
    model = WhisperModel(arguments.model, device="cpu", compute_type="int8", cpu_threads=1)
    results: dict[str, object] = {}

    def report(name: str, score: Score) -> None:
        results[name] = score.summary()
        print(name, score.summary(), flush=True)
        for _, truth, heard in sorted(score.worst, reverse=True)[: arguments.show]:
            print("  TRUE ", truth, "\n  HEARD", heard)

    for language in LANGUAGES:
        report(f"{language} sentences", score_sentences(model, language, 5 * arguments.calls))
        for noisy in (False, True):
            made = calls(language, arguments.calls, arguments.seconds, noisy)
            for mode in ("plain", "batched"):
                sort = "noisy" if noisy else "clean"
                report(f"{language} calls {sort} {mode}", score_calls(model, mode, made))
    results["invented in silence"] = invented(model)
    print("invented in silence", results["invented in silence"])
    if arguments.json:
        arguments.json.write_text(json.dumps(results, ensure_ascii=False, indent=1) + "\n")


if __name__ == "__main__":
    main()
