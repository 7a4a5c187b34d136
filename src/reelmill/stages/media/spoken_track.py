"""Which of a recording's audio tracks is read, and what is said of the others."""

from __future__ import annotations

import mmap
from collections.abc import Sequence
from typing import IO

import numpy as np
import numpy.typing as npt

from reelmill.artifacts import AudioTrack, Finding
from reelmill.core.printable import printable
from reelmill.core.recording import Recording
from reelmill.errors import InputError, LimitError
from reelmill.media.audio.decode import SAMPLE_RATE, Decoded, decode
from reelmill.media.audio.pcm_file import PcmFile
from reelmill.stages.speech.detect_speech import speech_probabilities
from reelmill.stages.speech.vad_segments import HOP

#: As in `SegmentOptions`; so much above it, all in all, is speech rather than a click.
_THRESHOLD, _LEAST_SECONDS = 0.5, 0.3

#: Sound is looked at in pieces of so many samples until there is enough speech.
_PIECE = 60 * SAMPLE_RATE

#: Tracks that are named one by one.
_MOST_NAMED = 8


def decode_track(
    recording: Recording, file: IO[bytes], tracks: Sequence[AudioTrack], track: int | None
) -> Decoded:
    """Decode one track into `file`: `track`, or the main one, or where nobody speaks in that one
    the first of the others in which somebody does. A finding names the tracks left out.

    Raises:
        InputError, LimitError, TransientError, ChangedError, OSError: as `decode`.
    """
    result = _decode_into(file, recording, track)
    if len(tracks) < 2:
        return result
    main = _ordinal(tracks, result)
    if track is None and not _has_speech(file, result.samples):
        result = _first_spoken(recording, file, tracks, main) or _decode_into(file, recording, main)
    read = _ordinal(tracks, result)
    result.problems.append(_left_out(tracks, read, main, asked=track is not None))
    return result


def _first_spoken(
    recording: Recording, file: IO[bytes], tracks: Sequence[AudioTrack], main: int
) -> Decoded | None:
    for other in range(len(tracks)):
        if other == main:
            continue
        try:
            result = _decode_into(file, recording, other)
        except (InputError, LimitError):  # it is named among those left out
            continue
        if _has_speech(file, result.samples):
            return result
    return None


def _decode_into(file: IO[bytes], recording: Recording, track: int | None) -> Decoded:
    file.seek(0)
    file.truncate()
    sink = PcmFile(file, recording.path)
    result = decode(recording, sink, track, sink.expect)
    sink.finish()
    return result


def _has_speech(file: IO[bytes], count: int) -> bool:
    if not count:
        return False
    with mmap.mmap(file.fileno(), 2 * count, access=mmap.ACCESS_READ) as mapped:
        # A copy of each piece: what is mapped cannot be closed while an array looks into it.
        seconds = 0.0
        for start in range(0, 2 * count, 2 * _PIECE):
            piece: npt.NDArray[np.int16] = np.frombuffer(mapped[start : start + 2 * _PIECE], "<i2")
            spoken = np.count_nonzero(speech_probabilities(piece) > _THRESHOLD)
            seconds += float(spoken) * HOP / SAMPLE_RATE
            if seconds >= _LEAST_SECONDS:
                return True
    return False


def _ordinal(tracks: Sequence[AudioTrack], result: Decoded) -> int:
    return next(n for n, track in enumerate(tracks) if track.index == result.track)


def _left_out(tracks: Sequence[AudioTrack], read: int, main: int, *, asked: bool) -> Finding:
    others = [number for number in range(len(tracks)) if number != read]
    named = ", ".join(_words(tracks[number], number) for number in others[:_MOST_NAMED])
    if len(others) > _MOST_NAMED:
        named += f" and {len(others) - _MOST_NAMED} more"
    why = "" if read == main else f", because nobody speaks in track {main}, the main one"
    return Finding(
        "other audio tracks",
        text=f"of {len(tracks)} audio tracks {_words(tracks[read], read)} was read{why}; "
        f"not in the result: {named}; --track {others[0]} reads that one",
        severity="info" if asked else "warning",
    )


def _words(track: AudioTrack, number: int) -> str:
    """`track 1 (aac, spa, "desktop")`."""
    facts = [track.codec, track.language or "", f'"{track.title}"' if track.title else ""]
    return f"track {number} ({printable(', '.join(fact for fact in facts if fact))})"
