"""Real recordings with known speakers, and who made their truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from benchmarks.diarize_alone import Turns
from benchmarks.real.conversations import (
    RATE,
    Half,
    audible_spans,
    plan_conversations,
    plan_long,
    resampled,
    write_conversations,
)

#: Recordings of `calls/` in which two people talk, and in which one does.
DIALOGUES = (
    "dutch_duo_sample_2-mono-NB.wav",
    "en-US_Broadband_sample1.wav",
    "english2.g712.wav",
    "es-ES_Narrowband_sample1.wav",  # voices of some 220 and 130 Hz
    "ja-JP_Broadband_sample1.wav",
    "sample-Ja_JP-narrow5.wav",
)
MONOLOGUES = (
    "de-DE_NarrowbandModel_sample1.wav",
    "ko-KR_BroadbandModel_sample1.wav",
    "ko-KR_NarrowbandModel_sample1.wav",
    "sample-Ja_JP-narrow3.wav",
    "zh-CN_sample1_for_8k.wav",
)

#: How the names of sets of long recordings begin.
LONG = "built, 25 to 30 min, of"


@dataclass(frozen=True)
class TrueRecording:
    """A recording and its truth: turns, or at least how many people there are."""

    file: Path
    turns: Turns
    people: int


@dataclass(frozen=True)
class RecordingSet:
    """`truth`: who says so, people or a program."""

    name: str
    truth: str
    recordings: tuple[TrueRecording, ...]


def read_rttm(path: Path) -> Turns:
    """The turns of an RTTM file."""
    fields = (line.split() for line in path.read_text(encoding="utf-8").splitlines())
    return [
        (float(part[3]), float(part[3]) + float(part[4]), part[7])
        for part in fields
        if part and part[0] == "SPEAKER"
    ]


def speaker_sets(
    real: Path,
    work: Path,
    halves: Sequence[Half],
    *,
    dialogues: int,
    meetings: int,
    long: int = 0,
) -> list[RecordingSet]:
    """Sets with truth, and those of which only the number of people is known.

    Args:
        real: the folder of real recordings.
        work: where conversations are built.
        halves: of the people, to build conversations of.
        dialogues: how many to build of each half of the people.
        meetings: the same.
        long: the same, of 25 to 30 minutes.
    """
    excerpts = sorted((real / "meetings").glob("*.flac"))
    sets = [
        _from_rttm("meetings, tuned on", "people", excerpts[::2]),
        _from_rttm("meetings, checked on", "people", excerpts[1::2]),
        *_built(real, work, halves, dialogues, meetings, long),
    ]
    call = real / "calls" / "repair-call-stereo.flac"
    if call.is_file():
        sets.append(_from_rttm("stereo call, mixed down", "speech detector per channel", [call]))
        turns = channel_turns(call)
        one = TrueRecording(call, turns, 2)
        sets.append(RecordingSet("stereo call, mixed down (2)", "loudness of each channel", (one,)))
    for name, files, people in (
        ("dialogues, number only", DIALOGUES, 2),
        ("one person, number only", MONOLOGUES, 1),
    ):
        found = [real / "calls" / file for file in files if (real / "calls" / file).is_file()]
        known = tuple(TrueRecording(file, [], people) for file in found)
        sets.append(RecordingSet(name, "people", known))
    return [one for one in sets if one.recordings]


def channel_turns(file: Path) -> Turns:
    """Who speaks when in a recording with one person per channel, by how loud each channel is."""
    sound, rate = soundfile.read(file, dtype="float64", always_2d=True)
    return [
        (start, end, f"channel {index + 1}")
        for index, channel in enumerate(np.ascontiguousarray(sound.T))
        for start, end in audible_spans(resampled(channel, rate, RATE))
    ]


def _built(
    real: Path, work: Path, halves: Sequence[Half], dialogues: int, meetings: int, long: int
) -> list[RecordingSet]:
    sets = []
    for half in halves:
        said = "tuned on" if half == "tune" else "checked on"
        plans = plan_conversations(real / "voices", half, dialogues=dialogues, meetings=meetings)
        plans += plan_long(real / "voices", half, long)
        files = write_conversations(real / "voices", work / half, plans)
        truth = "loudness of each person's own recording"
        talks = [file for file in files if file.name.startswith("dialogue")]
        groups = [file for file in files if file.name.startswith("meeting")]
        sets.append(_from_rttm(f"built dialogues of two, {said}", truth, talks))
        sets.append(_from_rttm(f"built meetings of 3 to 5, {said}", truth, groups))
        hours = [file for file in files if file.name.startswith("long")]
        sets.append(_from_rttm(f"{LONG} 3 to 5, {said}", truth, hours))
    return sets


def _from_rttm(name: str, truth: str, files: Sequence[Path]) -> RecordingSet:
    recordings = []
    for file in files:
        turns = read_rttm(file.with_suffix(".rttm"))
        people = len({speaker for _, _, speaker in turns})
        recordings.append(TrueRecording(file, turns, people))
    return RecordingSet(name, truth, tuple(recordings))
