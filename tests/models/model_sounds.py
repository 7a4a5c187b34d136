"""Sounds for tests, made of numbers."""

import numpy as np


def sound(seconds: float, seed: int) -> np.ndarray:
    """Something between a voice and noise, float32 at 16 kHz: tone bursts over hiss."""
    rng = np.random.default_rng(seed)
    samples = round(seconds * 16_000)
    time = np.arange(samples) / 16_000
    pitch = rng.uniform(90, 250) * (1 + 0.1 * np.sin(time * rng.uniform(2, 9)))
    phase = 2 * np.pi * np.cumsum(pitch) / 16_000
    voice = sum(np.sin(k * phase) / k for k in range(1, 12))
    syllables = np.clip(np.sin(2 * np.pi * time * rng.uniform(3, 6)), 0, 1)
    return (0.1 * voice * syllables + 0.01 * rng.standard_normal(samples)).astype(np.float32)
