"""Read samples of known people: the name, and the encoder's embedding of the voice."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from reelmill.core.arrays import Float32, Int16
from reelmill.core.people_folder import Example, examples
from reelmill.core.printable import printable
from reelmill.errors import InputError, ReelmillError, UsageError, reason
from reelmill.media.audio.decode import SAMPLE_RATE, decode
from reelmill.media.audio.samples import window
from reelmill.stages.speakers.profile_speakers import voice_of, voice_windows
from reelmill.stages.speakers.same_voice import KnownVoice, MatchOptions
from reelmill.stages.speech.detect_speech import speech_probabilities
from reelmill.stages.speech.vad_segments import SegmentOptions, segment

#: Windows embedded at once.
_TOGETHER = 8
#: Speech without padding; pauses of up to a tenth of a second are part of it.
_SPEECH = SegmentOptions(pad_ms=0, min_silence_ms=100)
#: A person's samples need at least this much speech to be compared with, s.
_LEAST_SECONDS = MatchOptions().shortest_sample
#: At least half of the windows of one person are more similar to their mean than this.
_ONE_VOICE = 0.6


def samples_in(folder: Path) -> list[Example]:
    """The files in `folder`, named after the files, and in its subfolders, named after the
    subfolder.

    Raises:
        UsageError: no folder, or no file in it.
    """
    if not folder.is_dir():
        raise UsageError(f"--people {folder}: no folder; give one with a sample of each person")
    found = examples(folder)
    if not found:
        raise UsageError(
            f"--people {folder}: nothing in it; put a recording of each person there, called by "
            "the name (Kim.wav), or several in a folder called so (Kim/1.wav)"
        )
    return found


def listen_to(
    samples: Sequence[Example], spec: Any, encoder: Any
) -> tuple[tuple[KnownVoice, ...], tuple[str, ...]]:
    """The voice of each person, and a message for each sample that could not be used.

    Args:
        samples: as `samples_in` gives them.
        spec: of the encoder; has `piece`.
        encoder: has `embed`.
    """
    heard: dict[str, list[Float32]] = {}
    notes = []
    for sample in samples:
        try:
            pieces = _spoken(sample.path)
        except ReelmillError as error:
            notes.append(f"{printable(str(sample.path))}: left out, {error}")
            continue
        if not pieces:
            notes.append(f"{printable(str(sample.path))}: left out, nobody speaks in it")
        heard.setdefault(sample.name, []).extend(pieces)
    people = []
    for name, pieces in heard.items():
        seconds = sum(len(piece) for piece in pieces) / SAMPLE_RATE
        if not pieces:
            continue
        if seconds < _LEAST_SECONDS:
            notes.append(
                f"{printable(name)}: {seconds:.1f} s of speech are too little to know somebody by; "
                f"give {_LEAST_SECONDS:g} s or more, better half a minute"
            )
            continue
        windows = voice_windows(pieces, spec)
        embeddings = np.concatenate(
            encoder.embed(
                [np.stack(windows[at : at + _TOGETHER]) for at in range(0, len(windows), _TOGETHER)]
            )
        )
        vector = voice_of(embeddings)
        if float(np.median(embeddings @ vector)) < _ONE_VOICE:
            notes.append(f"{printable(name)}: there seems to be more than one voice in the samples")
        # Five digits: enough for a similarity, and the same on every machine.
        rounded = tuple(round(float(value), 5) for value in vector)
        people.append(KnownVoice(name, round(seconds, 3), rounded))
    return tuple(people), tuple(notes)


class _Memory:
    """A sink in memory."""

    def __init__(self) -> None:
        self.data = bytearray()

    def write(self, data: bytes | memoryview) -> int:
        self.data += data
        return len(data)


def _spoken(path: Path) -> list[Float32]:
    """The stretches of a recording in which somebody speaks. Raises the errors of `decode`."""
    sink = _Memory()
    try:
        decode(path, sink)
    except OSError as error:
        raise InputError(f"it cannot be read: {reason(error)}") from error
    samples: Int16 = np.frombuffer(sink.data, "<i2")
    spans = segment(speech_probabilities(samples), _SPEECH, len(samples))
    return [window(samples, span.start, span.end) for span in spans]
