"""PlanCaptions: cut what is said into captions of a few words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from reelmill.artifacts import Caption, CaptionWord, ScreenCaptions, Segment, Transcript
from reelmill.engine.stage import FileStage, Inputs, StageContext
from reelmill.export.transcript.cues import one_line
from reelmill.stages.subtitles.rules import rules_for
from reelmill.stages.transcript.captions import captions

#: Characters a line (half as many full-width ones), lines, and the most seconds for a caption: what
#: can be read at a glance on a telephone.
_COLUMNS, _LINES, _LONGEST = 20, 2, 3.5
#: A caption stays until the next one if that follows within this time, s, to avoid flicker.
_NEAR = 0.4


@dataclass(frozen=True)
class PlanCaptions(FileStage):
    """Makes short captions whose words have times. They do not show the speaker's name."""

    name: ClassVar[str] = "plan_captions"
    version: ClassVar[int] = 1
    display_name = "Laying out captions"
    commands = ("faces",)
    enabled_by = ("captions", True)
    needs = (Transcript,)
    produces = ScreenCaptions

    def run(self, context: StageContext, inputs: Inputs) -> ScreenCaptions:
        transcript = inputs[Transcript]
        nameless = [replace(segment, speaker=None) for segment in transcript.segments]
        usual = rules_for(transcript.language)
        columns = _COLUMNS // 2 if usual.full_width else _COLUMNS
        rules = replace(usual, characters_per_line=columns, lines=_LINES, longest=_LONGEST)
        shown = captions(replace(transcript, segments=nameless), rules)
        return ScreenCaptions(_one_at_a_time([_caption(one) for one in shown]), transcript.language)


def _caption(segment: Segment) -> Caption:
    return Caption(segment.start, segment.end, list(_words(segment)))


def _words(segment: Segment) -> Iterator[CaptionWord]:
    """The words by their position in the text; a whole line where its words have no times."""
    lines = segment.text.split("\n")
    text, at = " ".join(lines), 0
    ends = [len(" ".join(lines[: number + 1])) for number in range(len(lines))]
    for place, word in enumerate(segment.words):
        label = one_line(word.text)
        begin = text.find(label, at) if label else -1
        if begin < 0:
            continue
        follows = segment.words[place + 1].start if place + 1 < len(segment.words) else segment.end
        at = begin + len(label)
        line = next(number for number, end in enumerate(ends) if begin < end or end == ends[-1])
        yield CaptionWord(word.start, max(word.end, follows), label, line)
    if not at:
        for number, line_text in enumerate(lines):
            yield CaptionWord(segment.start, segment.end, line_text, number)


def _one_at_a_time(found: Sequence[Caption]) -> list[Caption]:
    """Put captions of people who speak at once one after the other, and close small gaps."""
    ordered = sorted(found, key=lambda one: one.start)
    result = []
    for place, caption in enumerate(ordered):
        follows = ordered[place + 1].start if place + 1 < len(ordered) else float("inf")
        end = follows if caption.end > follows - _NEAR else caption.end
        if end > caption.start and caption.words:
            result.append(replace(caption, end=end))
    return result
