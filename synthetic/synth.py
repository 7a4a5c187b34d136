"""One sentence in one voice: 16 kHz samples with the times of its words."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from synthetic import espeak, flite
from synthetic.sentences import join_words
from synthetic.voices import Voice

RATE = 16_000
_QUIET = 0.004
_TAPS = 64
# espeak-ng pauses after these, and counts the pause as part of the word.
_PAUSING = ",、.?!。？！"
_FADED = 0.03  # of a word's greatest loudness: it is over
_AUDIBLE = 0.02  # of a sentence's greatest loudness, -34 dB: what is below is breath and echo
_SHORTEST_PAUSE = 0.25
_STEP = RATE // 100

Samples = NDArray[np.float32]


@dataclass(frozen=True)
class SpokenWord:
    """A word and its seconds within the clip it belongs to."""

    text: str
    start: float
    end: float


@dataclass(frozen=True)
class Clip:
    """A spoken sentence, without silence before and after it; peak 1.

    `audible` are the stretches, in seconds, in which it can be heard.
    """

    samples: Samples
    language: str
    text: str
    words: tuple[SpokenWord, ...]
    audible: tuple[tuple[float, float], ...] = ()

    @property
    def duration(self) -> float:
        return len(self.samples) / RATE


def synthesize(words: Sequence[str], language: str, voice: Voice) -> Clip:
    """Speak `words`; raises espeak.EspeakError when the program that speaks is missing.

    flite tells no word times: there words share the sentence's time by their lengths.
    """
    text = " ".join(words)
    if voice.program == "flite":
        spoken = flite.speak(text, voice.variant, voice.speed)
    else:
        spoken = espeak.speak(text, voice.name(language), voice.speed, voice.pitch)
    return clip_of(spoken, words, language)


def clip_of(spoken: espeak.Spoken, words: Sequence[str], language: str) -> Clip:
    """What a synthesizer spoke as a clip, with the times of `words`."""
    sound = spoken.samples.astype(np.float32) / np.float32(32768)
    samples = resample(sound, spoken.rate, RATE)
    samples /= max(float(np.abs(samples).max()), 1e-6)
    loud = np.flatnonzero(np.abs(samples) > _QUIET)
    first, last = int(loud[0]), int(loud[-1]) + 1
    starts = _word_starts(words, spoken.words, last / RATE)
    duration = (last - first) / RATE
    starts = [min(max(start - first / RATE, 0.0), duration) for start in starts]
    ends = [*starts[1:], duration]
    for index, word in enumerate(words[:-1]):
        if word[-1] in _PAUSING:
            begin = first + int(starts[index] * RATE)
            sounding = _sounding(samples[begin : first + int(ends[index] * RATE)])
            ends[index] = starts[index] + sounding
    timed = tuple(
        SpokenWord(word, round(start, 3), round(end, 3))
        for word, start, end in zip(words, starts, ends, strict=True)
    )
    said = samples[first:last]
    return Clip(said, language, join_words(words, language), timed, audible(said))


def audible(samples: Samples) -> tuple[tuple[float, float], ...]:
    """Stretches in seconds in which a voice can be heard; pauses under 0.25 s are part of them."""
    loudness = _loudness(samples)
    loud = np.flatnonzero(loudness >= _AUDIBLE * loudness.max(initial=0.0))
    if not len(loud):
        return ()
    pauses = np.flatnonzero(np.diff(loud) * _STEP > _SHORTEST_PAUSE * RATE)
    starts = [loud[0], *loud[pauses + 1]]
    ends = [*loud[pauses], loud[-1]]
    return tuple(
        (float(start * _STEP / RATE), float((end + 1) * _STEP / RATE))
        for start, end in zip(starts, ends, strict=True)
    )


def _loudness(samples: Samples) -> Samples:
    """The RMS of each whole hundredth of a second."""
    count = len(samples) // _STEP
    loudness: Samples = np.sqrt(
        np.mean(samples[: count * _STEP].reshape(count, _STEP) ** 2, axis=1)
    )
    return loudness


def _sounding(samples: Samples) -> float:
    """Seconds until the sound of a word dies away; all of it when it does not."""
    loudness = _loudness(samples)
    if not len(loudness):
        return len(samples) / RATE
    last = int(np.flatnonzero(loudness >= _FADED * loudness.max())[-1])
    return min((last + 1) * _STEP, len(samples)) / RATE


def _word_starts(
    words: Sequence[str], events: Sequence[tuple[int, float]], end: float
) -> list[float]:
    """When each word begins: espeak-ng may report several events in a word, or miss one."""
    known: dict[int, float] = {0: 0.0}
    position = 0
    for index, word in enumerate(words):
        inside = [time for place, time in events if position <= place < position + len(word)]
        if inside and inside[0] > max(known.values()):
            known[index] = inside[0]
        position += len(word) + 1
    known[len(words)] = end
    starts = []
    for index in range(len(words)):
        before = max(at for at in known if at <= index)
        after = min(at for at in known if at > index)
        # "from the" is one event, and Korean words that begin with a nasal have none: words
        # without one share the time by their lengths.
        said = sum(map(len, words[before:index])) / sum(map(len, words[before:after]))
        starts.append(known[before] + said * (known[after] - known[before]))
    return starts


def resample(samples: Samples, rate: int, wanted: int) -> Samples:
    """Change the sampling rate with a windowed sinc, without SciPy."""
    if rate == wanted:
        return samples
    ratio = Fraction(wanted, rate)
    count = int(len(samples) * ratio)
    cutoff = min(1.0, wanted / rate) * 0.95
    phase = np.arange(ratio.numerator)
    # One filter per output phase; outputs of a phase are a plain product with a strided view.
    offset = phase * ratio.denominator / ratio.numerator
    reach = np.arange(-_TAPS // 2 + 1, _TAPS // 2 + 1)
    distance = reach[None, :] - (offset - np.floor(offset))[:, None]
    window = np.cos(np.pi * np.clip(distance / _TAPS, -0.5, 0.5)) ** 2
    filters = (cutoff * np.sinc(cutoff * distance) * window).astype(np.float32)
    padded = np.pad(samples, (_TAPS // 2 - 1, _TAPS + ratio.denominator))
    result = np.zeros(count, np.float32)
    windows = np.lib.stride_tricks.sliding_window_view(padded, _TAPS)
    for index in range(ratio.numerator):
        begin = int(np.floor(offset[index]))
        outputs = len(result[index :: ratio.numerator])
        rows = windows[begin :: ratio.denominator][:outputs]
        result[index :: ratio.numerator] = rows @ filters[index]
    return result
