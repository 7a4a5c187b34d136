"""Give speakers the names that users choose, without computing anything again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import TypeVar, cast

from reelmill.artifacts import Findings, SpokenTranscript, Transcript, Turn
from reelmill.errors import UsageError

TranscriptT = TypeVar("TranscriptT", bound=Transcript)
ValueT = TypeVar("ValueT")


@dataclass(frozen=True)
class SpeakerName:
    """`name` for the speaker labelled `label`, in one recording, or in all if it is None."""

    label: str
    name: str
    recording: str | None = None


def parse_names(given: Iterable[str]) -> tuple[SpeakerName, ...]:
    """Parse names as a user writes them: `A=Kim`, `A=Kim,B=Lee`, `call 1.m4a:A=Kim,B=Lee`. An empty
    name (`A=`) takes an earlier one back.

    Raises:
        UsageError: something else.
    """
    found: dict[tuple[str | None, str], SpeakerName] = {}
    for text in given:
        label, equals, names = text.partition("=")
        # A file name may contain colons, and so may a speaker's name.
        head, separator, label = label.rpartition(":")
        recording = head.strip() if separator else None
        pairs = f"{label}{equals}{names}"
        for part in pairs.split(","):
            label, equals, name = (piece.strip() for piece in part.partition("="))
            if not (label and equals):
                raise UsageError(
                    f"--names {part!r}: give LABEL=NAME, e.g. A=Kim,B=Lee, or for one recording "
                    "only 'call 1.m4a:A=Kim'"
                )
            found[recording, label] = SpeakerName(label, name, recording)
    return tuple(found.values())


def names_for(names: Iterable[SpeakerName], recording: str) -> dict[str, str]:
    """The names by label for a recording. What was given for this recording wins, even if it is
    that there is no name."""
    chosen = sorted(
        (one for one in names if one.recording in (None, recording)),
        key=lambda one: one.recording is not None,
    )
    named = {one.label: one.name for one in chosen}
    return {label: name for label, name in named.items() if name}


def recordings_named(names: Iterable[SpeakerName]) -> list[str]:
    """The recordings that names are given for, each once."""
    return list(dict.fromkeys(one.recording for one in names if one.recording is not None))


def named(transcript: TranscriptT, names: Mapping[str, str]) -> TranscriptT:
    """The transcript with names instead of labels. Labels without a name stay."""

    def name(label: str | None) -> str | None:
        return names.get(label, label) if label is not None else None

    segments = [
        replace(
            segment,
            speaker=name(segment.speaker),
            words=[replace(word, speaker=name(word.speaker)) for word in segment.words],
        )
        for segment in transcript.segments
    ]
    if isinstance(transcript, SpokenTranscript):
        totals = [
            replace(one, speaker=names.get(one.speaker, one.speaker)) for one in transcript.speakers
        ]
        return replace(transcript, segments=segments, speakers=totals)
    return replace(transcript, segments=segments)


def named_turns(turns: Sequence[Turn], names: Mapping[str, str]) -> list[Turn]:
    return [replace(turn, speaker=names.get(turn.speaker, turn.speaker)) for turn in turns]


def named_findings(found: Sequence[Findings], names: Mapping[str, str]) -> list[Findings]:
    """The findings, and what else their stages found, with names instead of labels."""
    return [with_names(one, names) for one in found]


def with_names(value: ValueT, names: Mapping[str, str]) -> ValueT:
    """The value with names instead of labels in every `speaker` of it and of what is in it.

    Args:
        value: a dataclass, a list of them, or anything else, which comes back as it is.
        names: by label; labels without a name stay.
    """
    if isinstance(value, list):
        return cast(ValueT, [with_names(one, names) for one in value])
    if not is_dataclass(value) or isinstance(value, type):
        return value
    changed = {one.name: with_names(getattr(value, one.name), names) for one in fields(value)}
    if isinstance(label := changed.get("speaker"), str):
        changed["speaker"] = names.get(label, label)
    return replace(value, **changed)
