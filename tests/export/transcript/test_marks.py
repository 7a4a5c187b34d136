"""Marks for sound that is not text."""

from reelmill.artifacts import Finding, Segment, Transcript, Word
from reelmill.export.transcript.marks import with_marks


def segment(start, text, logprob=-0.2, language=None):
    words = [Word(start, start + 1, text, 0.9, "aligned", "A")]
    return Segment(start, start + 1, text, logprob, 0.1, 1.0, 0.0, words, "A", language)


TRANSCRIPT = Transcript(
    "ko",
    0.9,
    "base",
    30.0,
    20.0,
    [segment(0, "안녕하세요"), segment(5, "뭐라고", -1.2), segment(9, "what", -1.2, "en")],
    [
        Finding("laughter", 2.0, 3.0, text="left out: 하하하"),
        Finding("no text", 12.0, 15.0, text="3 s of speech, no text", severity="warning"),
        Finding("truncated", 29.0, 30.0),
    ],
)


def texts(transcript):
    return [(one.start, one.text) for one in transcript.segments]


def test_nothing_is_marked_unless_asked_for():
    # proves: V7
    assert with_marks(TRANSCRIPT, inaudible=False, events=False) == TRANSCRIPT


def test_unintelligible_speech_is_marked():
    # proves: V7 G8
    found = with_marks(TRANSCRIPT, inaudible=True, events=False)
    assert texts(found) == [(0, "안녕하세요"), (5, "[불명]"), (9, "[inaudible]"), (12, "[불명]")]
    marked = found.segments[1]
    assert [(one.text, one.start, one.end, one.speaker) for one in marked.words] == [
        ("[불명]", 5, 6, "A")
    ]
    assert (found.segments[3].start, found.segments[3].end) == (12, 15)


def test_sounds_that_are_not_words_are_marked():
    # proves: V7
    found = with_marks(TRANSCRIPT, inaudible=False, events=True)
    assert (2, "[laughter]") in texts(found) and len(found.segments) == 4
