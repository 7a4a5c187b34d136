"""The way from a speaker to a recording: noise, the telephone's band, levels."""

from enum import Enum

import numpy as np

from synthetic.synth import RATE, Samples

_LOOP_SECONDS = 20
_FADE = RATE // 10
_TELEPHONE = (300.0, 3400.0)
_SKIRT = 0.12  # of the edge frequency


class Noise(str, Enum):
    """Sorts of background noise."""

    NONE = "none"
    WHITE = "white"
    PINK = "pink"
    BROWN = "brown"
    HUM = "hum"


_EXPONENT = {Noise.WHITE: 0.0, Noise.PINK: 1.0, Noise.BROWN: 2.0}


def noise(rng: np.random.Generator, kind: Noise, count: int) -> Samples:
    """`count` samples of noise with an RMS of 1; long noise repeats a faded loop."""
    if kind is Noise.NONE:
        return np.zeros(count, np.float32)
    size = min(count, _LOOP_SECONDS * RATE) + _FADE
    if kind is Noise.HUM:
        time = np.arange(size) / RATE
        sound = sum(np.sin(2 * np.pi * 60 * k * time + k) / k for k in range(1, 9))
        sound = np.asarray(sound) + 0.1 * rng.normal(size=size)
    else:
        spectrum = np.fft.rfft(rng.normal(size=size))
        frequency = np.maximum(np.fft.rfftfreq(size, 1 / RATE), 30.0)
        sound = np.fft.irfft(spectrum * frequency ** (-_EXPONENT[kind] / 2), size)
    sound /= np.sqrt(np.mean(sound**2))
    loop = sound[_FADE:].astype(np.float32)
    # The end of the loop fades into its beginning, or every turn would click.
    fade = np.sqrt(np.linspace(0, 1, _FADE, dtype=np.float32))
    loop[-_FADE:] = loop[-_FADE:] * fade[::-1] + sound[:_FADE].astype(np.float32) * fade
    return np.resize(loop, count)


def telephone(samples: Samples) -> Samples:
    """The sound limited to a telephone's band."""
    frequency = np.fft.rfftfreq(len(samples), 1 / RATE)
    low, high = _TELEPHONE
    gain = np.clip((frequency - low * (1 - _SKIRT)) / (low * _SKIRT), 0, 1)
    gain *= np.clip((high * (1 + _SKIRT) - frequency) / (high * _SKIRT), 0, 1)
    result: Samples = np.fft.irfft(np.fft.rfft(samples) * gain, len(samples)).astype(np.float32)
    return result


def decibels(value: float) -> float:
    """The factor that a level in dB stands for."""
    return float(10 ** (value / 20))
