"""One synthetic call: speakers taking turns, with the truth about every word."""

from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache
from random import Random

import numpy as np

from synthetic.acoustics import Noise, decibels, noise, telephone
from synthetic.sentences import held_out_sentence, training_sentence
from synthetic.synth import RATE, Clip, Samples, SpokenWord, synthesize
from synthetic.voices import Voice

TRUTH_SCHEMA = "reelmill-truth/1"
_TURN_GOES_ON = 0.35
_LONG_PAUSE_CHANCE = 0.08
_SPEECH_RMS = 0.1
_SHORTEST_OVERLAP = 0.2
# Clips kept for reuse; at about 200 kB each they stay below 200 MB in a process.
_CACHED_CLIPS = 900


@dataclass(frozen=True)
class CallPlan:
    """Everything that defines a call; the same plan gives the same samples."""

    seed: str
    seconds: float
    language: str
    voices: tuple[Voice, ...]
    noise: Noise = Noise.NONE
    snr_db: float = 30.0
    telephone: bool = False
    held_out: bool = True
    sentences: int = 400
    """How many different sentences the corpus has; fewer are synthesized faster."""
    kinds: tuple[str, ...] = ()
    """Only sentences of these kinds (keys of phrases.TEMPLATES, "fixed"); empty for all."""
    pauses: float = 1.0
    """Factor of all pauses."""
    overlap: float = 0.0
    """Share of the speech, from 0 to about 0.2, during which the next speaker already speaks."""


@dataclass(frozen=True)
class Utterance:
    """A spoken sentence; times are seconds in the recording.

    `audible`: the stretches in which it can be heard, without pauses of 0.25 s and more.
    """

    speaker: str
    start: float
    end: float
    language: str
    kind: str
    text: str
    words: tuple[SpokenWord, ...]
    audible: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True)
class Call:
    """Samples and truth."""

    plan: CallPlan
    samples: Samples
    utterances: tuple[Utterance, ...]

    @property
    def duration(self) -> float:
        return len(self.samples) / RATE

    def truth(self, file: str) -> dict[str, object]:
        """The content of a truth file; see synthetic.corpus."""
        return {
            "schema": TRUTH_SCHEMA,
            "file": file,
            "duration": round(self.duration, 3),
            "language": self.plan.language,
            "speakers": sorted({utterance.speaker for utterance in self.utterances}),
            "noise": self.plan.noise.value,
            "snr_db": None if self.plan.noise is Noise.NONE else self.plan.snr_db,
            "telephone": self.plan.telephone,
            "utterances": [asdict(utterance) for utterance in self.utterances],
        }


@dataclass
class _Timeline:
    samples: Samples
    utterances: list[Utterance] = field(default_factory=list)


def speaker_name(index: int) -> str:
    """A, B, C and so on."""
    return chr(ord("A") + index)


def make_call(plan: CallPlan) -> Call:
    """Synthesize a call; raises espeak.EspeakError when espeak-ng is missing."""
    rng = Random(plan.seed)
    levels = [decibels(rng.uniform(-8, 0)) for _ in plan.voices]
    timeline = _Timeline(np.zeros(int(plan.seconds * RATE), np.float32))
    at = rng.uniform(0.2, 1.2)
    speaker, ended, spoken, overlapped = 0, 0.0, 0.0, 0.0
    while True:
        kind, clip = _clip(plan, rng.randrange(plan.sentences), speaker)
        # A sentence that would be cut off at the end is not begun.
        if at + clip.duration > plan.seconds - 0.1:
            break
        _say(timeline, clip, kind, at, speaker, levels[speaker])
        overlapped += max(0.0, min(ended, at + clip.duration) - at)
        spoken += clip.duration
        ended = max(ended, at + clip.duration)
        at = ended + _pause(rng) * plan.pauses
        if rng.random() > _TURN_GOES_ON:
            before, speaker = speaker, _other(rng, speaker, len(plan.voices))
            missing = plan.overlap * (spoken - overlapped) - overlapped
            if missing > _SHORTEST_OVERLAP and speaker != before:
                at = ended - min(missing, clip.duration / 2)
    return Call(plan, _record(plan, timeline.samples), tuple(timeline.utterances))


def _pause(rng: Random) -> float:
    if rng.random() < _LONG_PAUSE_CHANCE:
        return rng.uniform(1.5, 4.0)
    return rng.uniform(0.25, 0.9)


def _other(rng: Random, speaker: int, count: int) -> int:
    return rng.choice([index for index in range(count) if index != speaker] or [speaker])


def _clip(plan: CallPlan, number: int, speaker: int) -> tuple[str, Clip]:
    voice = plan.voices[speaker]
    kind = plan.kinds[number % len(plan.kinds)] if plan.kinds else None
    return _cached_clip(number, kind, plan.language, voice, plan.held_out, plan.telephone)


@lru_cache(maxsize=_CACHED_CLIPS)
def _cached_clip(
    number: int,
    kind: str | None,
    language: str,
    voice: Voice,
    held_out: bool,
    band_limited: bool,
) -> tuple[str, Clip]:
    rng = Random(f"{language}-{number}")
    # Fixed sentences are few and all of them were trained on.
    draw = held_out_sentence if held_out and kind != "fixed" else training_sentence
    sentence = draw(rng, kind)
    clip = synthesize(sentence.words[language], language, voice)
    # Filtered here, clip by clip: an hour-long call is never transformed as a whole.
    samples = telephone(clip.samples) if band_limited else clip.samples
    samples = samples * np.float32(_SPEECH_RMS / np.sqrt(np.mean(samples**2)))
    return sentence.kind, replace(clip, samples=samples)


def _say(timeline: _Timeline, clip: Clip, kind: str, at: float, speaker: int, level: float) -> None:
    begin = int(at * RATE)
    timeline.samples[begin : begin + len(clip.samples)] += clip.samples * np.float32(level)
    start = begin / RATE
    words = tuple(
        SpokenWord(word.text, round(start + word.start, 3), round(start + word.end, 3))
        for word in clip.words
    )
    audible = tuple((round(start + on, 3), round(start + off, 3)) for on, off in clip.audible)
    end = round(start + clip.duration, 3)
    name = speaker_name(speaker)
    timeline.utterances.append(
        Utterance(name, round(start, 3), end, clip.language, kind, clip.text, words, audible)
    )


def _record(plan: CallPlan, samples: Samples) -> Samples:
    if plan.noise is not Noise.NONE:
        rng = np.random.default_rng(Random(plan.seed).getrandbits(32))
        background = noise(rng, plan.noise, len(samples))
        samples += background * np.float32(_SPEECH_RMS * decibels(-plan.snr_db))
    peak = float(np.abs(samples).max(initial=0.0))
    if peak > 0.99:
        samples *= np.float32(0.99 / peak)
    return samples
