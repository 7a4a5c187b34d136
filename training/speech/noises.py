"""Noise as mel powers: white, pink, brown, hum, babble, crackle, each with a mean power of 1."""

import numpy as np
from numpy.typing import NDArray
from synthesize import mel_powers
from vocabulary import Clip

RATE = 16_000
_SECONDS = 40

Array = NDArray[np.float32]


def coloured(rng: np.random.Generator, exponent: float) -> Array:
    """Noise whose power falls with frequency to the `exponent`."""
    count = _SECONDS * RATE
    spectrum = np.fft.rfft(rng.normal(size=count))
    frequency = np.maximum(np.fft.rfftfreq(count, 1 / RATE), 20.0)
    sound = np.fft.irfft(spectrum * frequency ** (-exponent / 2), count)
    result: Array = (sound / sound.std() * 0.1).astype(np.float32)
    return result


def hum(rng: np.random.Generator) -> Array:
    """Mains hum with harmonics over a little noise."""
    time = np.arange(_SECONDS * RATE) / RATE
    base = rng.choice([50.0, 60.0])
    sound = sum(
        rng.uniform(0.1, 1) / k * np.sin(2 * np.pi * base * k * time + rng.uniform(0, 6))
        for k in range(1, 12)
    )
    return (0.1 * sound).astype(np.float32) + 0.05 * coloured(rng, 1.0)


def crackle(rng: np.random.Generator) -> Array:
    """Clicks of a bad line."""
    sound = 0.02 * coloured(rng, 0.0)
    for at in rng.integers(0, len(sound) - 400, _SECONDS * 6):
        length = int(rng.integers(20, 400))
        burst = rng.normal(size=length) * np.exp(-np.arange(length) / (length / 4))
        sound[at : at + length] += rng.uniform(0.1, 0.6) * burst
    return sound.astype(np.float32)


def babble(rng: np.random.Generator, clips: list[Clip]) -> Array:
    """Many people far away: eight streams of clips, as mel powers."""
    power = np.zeros((_SECONDS * 100, 80), np.float32)
    for _ in range(8):
        at = 0
        while at < len(power):
            mel = clips[rng.integers(len(clips))].mel[: len(power) - at].astype(np.float32)
            # Backwards: the sound of speech, and no words that the model should have written.
            power[at : at + len(mel)] += 10 ** mel[::-1]
            at += len(mel) + int(rng.integers(0, 60))
    return power


def noise_pool(seed: int, clips: list[Clip], filters: Array) -> list[Array]:
    """Four noises of each sort."""
    rng = np.random.default_rng(seed)
    sounds = [coloured(rng, exponent) for exponent in (0.0, 0.5, 1.0, 1.5, 2.0) for _ in range(2)]
    sounds += [hum(rng) for _ in range(4)] + [crackle(rng) for _ in range(3)]
    for index in range(0, len(sounds), 3):
        # Some noise comes and goes.
        slow = np.interp(np.arange(len(sounds[index])), *_swell(rng, len(sounds[index])))
        sounds[index] = (sounds[index] * slow).astype(np.float32)
    powers = [(10 ** mel_powers(sound, filters)).astype(np.float32) for sound in sounds]
    powers += [babble(rng, clips) for _ in range(4)]
    return [power / power.mean() for power in powers]


def _swell(rng: np.random.Generator, count: int) -> tuple[Array, Array]:
    at = np.linspace(0, count, _SECONDS // 2).astype(np.float32)
    return at, rng.uniform(0.1, 1.0, len(at)).astype(np.float32)
