"""A call with one channel per person, made from a sample and its truth."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from reelmill.core.paths import ASSETS
from reelmill.media.audio.decode import decode
from tests.media.make import RATE, write

CALL = ASSETS / "samples" / "call 2026-03-14.m4a"
TRUTH = json.loads((CALL.parent / "truth" / f"{CALL.name}.json").read_text())
#: Seconds of silence around an utterance that belong to it.
_AROUND = 0.15

Float32 = npt.NDArray[np.float32]


class Bytes:
    """A sink in memory."""

    def __init__(self) -> None:
        self.data = bytearray()

    def write(self, data: bytes | memoryview) -> int:
        self.data += data
        return len(data)


@cache
def people(seconds: float = 20.0) -> tuple[Float32, Float32]:
    """What A says and what B says, on one time line, from -1 to 1 at 16 kHz."""
    sink = Bytes()
    decode(CALL, sink)
    whole = np.frombuffer(bytes(sink.data), "<i2").astype(np.float32) / 32768
    whole = whole[: round(seconds * RATE)]
    found = {name: np.zeros_like(whole) for name in "AB"}
    for one in TRUTH["utterances"]:
        if one["end"] + _AROUND > seconds:
            continue
        here = slice(round((one["start"] - _AROUND) * RATE), round((one["end"] + _AROUND) * RATE))
        found[one["speaker"]][here] = whole[here]
    return found["A"], found["B"]


def said(speaker: str, seconds: float = 20.0) -> list[str]:
    """The words of one of them, without marks, in lower case."""
    return [
        word["text"].strip(".,?!").lower()
        for one in TRUTH["utterances"]
        if one["speaker"] == speaker and one["end"] + _AROUND <= seconds
        for word in one["words"]
    ]


def later(sound: Float32, seconds: float) -> Float32:
    """The same sound, so much later."""
    return np.concatenate([np.zeros(round(seconds * RATE), np.float32), sound])[: len(sound)]


def write_call(path: Path, *channels: Float32) -> Path:
    """A FLAC with these channels."""
    return write(path, np.stack(channels), container="flac", codec="flac", rate=RATE)
