"""Read decoded audio without decoding it again and without loading all of it."""

from __future__ import annotations

import mmap
from pathlib import Path

import numpy as np
import numpy.typing as npt

from reelmill.artifacts import Audio
from reelmill.errors import InputError

#: Full scale of int16, as in faster-whisper and its speech detector.
FULL_SCALE = 32768.0


def open_samples(folder: Path, audio: Audio) -> npt.NDArray[np.int16]:
    """The samples of `audio` as a read-only memory map: int16, shape (audio.samples,).

    Raises:
        InputError: the file beside the artifact is missing or has another length.
    """
    path = folder / audio.file
    try:
        size = path.stat().st_size
    except FileNotFoundError as error:
        raise InputError(f"{path}: the decoded audio is gone; run again to decode it") from error
    if size != 2 * audio.samples:
        raise InputError(f"{path}: {size} bytes, not {2 * audio.samples}; delete it, run again")
    if audio.samples == 0:  # an empty file cannot be mapped
        return np.empty(0, dtype="<i2")
    return np.memmap(path, dtype="<i2", mode="r", shape=(audio.samples,))


def window(
    samples: npt.NDArray[np.int16], start_s: float, end_s: float, sample_rate: int = 16_000
) -> npt.NDArray[np.float32]:
    """The samples from `start_s` to `end_s` seconds as float32 in [-1, 1], a copy.

    Samples outside the recording are left out, so the result may be shorter.
    """
    start = max(0, round(start_s * sample_rate))
    end = max(start, round(end_s * sample_rate))
    piece: npt.NDArray[np.float32] = samples[start:end].astype(np.float32)
    piece /= FULL_SCALE
    release(samples)
    return piece


def release(samples: npt.NDArray[np.int16]) -> None:
    """Release the memory of samples read so far. Samples needed again are read again.

    Otherwise a process that has read through ten hours would hold 1.1 GB of mapped file.
    """
    mapped = getattr(samples, "_mmap", None)  # None for samples that lie in memory
    if isinstance(mapped, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        mapped.madvise(mmap.MADV_DONTNEED)
