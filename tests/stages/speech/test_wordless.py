"""Sentences that Whisper left out of a window are heard again alone, and nothing of it is lost."""

from __future__ import annotations

import pytest

from reelmill.artifacts import RecognizedWindow, Segment, Span, Word
from reelmill.stages.speech.second_look import after_second_looks, second_looks
from reelmill.stages.speech.wordless import filled, stretch_of, wordless

PADDING = 0.4


def said(*words: tuple[str, float, float], logprob: float = -0.2) -> Segment:
    timed = [Word(start, end, text, 0.9, "whisper") for text, start, end in words]
    text = " ".join(word.text for word in timed)
    return Segment(timed[0].start, timed[-1].end, text, logprob, 0.1, 1.2, 0.0, timed)


def heard(*segments: Segment, start: float = 0.0, end: float = 20.0) -> RecognizedWindow:
    return RecognizedWindow([Span(start, end)], "en", {"en": 0.99}, list(segments))


def evenly(text: str, start: float, end: float, logprob: float = -0.2) -> Segment:
    words = text.split()
    each = (end - start) / len(words)
    return said(
        *((word, start + each * at, start + each * (at + 1)) for at, word in enumerate(words)),
        logprob=logprob,
    )


def texts(window: RecognizedWindow) -> list[str]:
    return [segment.text for segment in window.segments]


FIRST = evenly("If you need a reminder call me at work today.", 0.4, 4.0)
#: "Andy ran away." was said from 4.4 to 7, and then this.
STRETCHED = said(
    ("It", 4.3, 4.5), ("made", 4.5, 7.8), ("me", 7.8, 8.0), ("feel", 8.0, 8.3), ("good.", 8.3, 8.9)
)  # fmt: skip
LEFT_OUT = heard(FIRST, STRETCHED, end=9.3)


def test_a_stretched_word_and_those_before_it_in_its_sentence_are_a_stretch_without_words() -> None:
    (gap,) = wordless(LEFT_OUT, PADDING)
    assert (gap.start, gap.end, gap.first, gap.after) == (4.0, 7.8, 10, 12)
    assert stretch_of(gap, LEFT_OUT) == ((4.0, 7.8),)


def test_what_was_left_out_comes_before_the_sentence_that_was_spread_over_it() -> None:
    alone = heard(evenly("Andy ran away from the squid.", 4.4, 7.0), start=4.0, end=7.8)
    found = filled(LEFT_OUT, wordless(LEFT_OUT, PADDING), [alone])
    assert texts(found) == [FIRST.text, "Andy ran away from the squid.", "It made me feel good."]
    spread = found.segments[-1]
    assert (spread.start, [word.end for word in spread.words[:2]]) == (7.2, [7.5, 7.8])


def test_words_that_are_heard_again_are_not_said_twice_and_take_the_times_heard() -> None:
    alone = heard(
        evenly("Andy ran away from the squid.", 4.4, 6.8),
        said(("it", 7.2, 7.4), ("made.", 7.4, 7.8)),
        start=4.0,
        end=7.8,
    )
    found = filled(LEFT_OUT, wordless(LEFT_OUT, PADDING), [alone])
    assert texts(found) == [FIRST.text, "Andy ran away from the squid.", "It made me feel good."]
    assert [(one.start, one.end) for one in found.segments[-1].words[:2]] == [
        (7.2, 7.4),
        (7.4, 7.8),
    ]


@pytest.mark.parametrize(
    "alone",
    [
        heard(),
        heard(evenly("something that is hardly likely", 4.4, 7.0, logprob=-1.1)),
        heard(evenly("call me at work today", 4.4, 7.0)),
        heard(evenly("Thanks for watching!", 4.4, 7.0)),
        heard(evenly("uh", 4.4, 7.0)),
    ],
    ids=["nothing", "unlikely", "said beside it", "a phantom", "a sound"],
)
def test_where_nothing_new_is_heard_everything_stays_as_it_was(alone: RecognizedWindow) -> None:
    assert filled(LEFT_OUT, wordless(LEFT_OUT, PADDING), [alone]) == LEFT_OUT


def test_a_pause_or_a_drawn_word_within_a_sentence_is_no_such_stretch() -> None:
    words = (("we", 0.4, 0.6), ("have", 0.6, 0.9), ("to", 0.9, 1.0), ("go", 1.0, 1.4))
    paused = said(*words, ("home", 5.0, 5.4), ("now.", 5.4, 5.8))
    drawn = said(*words, ("hooome", 1.4, 5.4), ("now.", 5.4, 5.8))
    for segment in (paused, drawn):
        assert wordless(heard(segment, end=6.2), PADDING) == []


def test_the_beginning_and_the_end_of_a_window_are_listened_to() -> None:
    window = heard(evenly("in the middle of it", 3.0, 5.0), end=8.0)
    before, behind = wordless(window, PADDING)
    assert (before.start, before.end, behind.start, behind.end) == (0.0, 3.0, 5.0, 8.0)
    parts = [heard(evenly("Good morning.", 0.5, 2.0)), heard(evenly("Goodbye then.", 5.5, 7.0))]
    assert texts(filled(window, [before, behind], parts)) == [
        "Good morning.",
        "in the middle of it",
        "Goodbye then.",
    ]


def test_usual_talk_has_no_such_stretch() -> None:
    slow = said(("Well,", 0.5, 1.1), ("I", 1.3, 1.5), ("remember.", 1.5, 2.4), ("Yes.", 3.0, 3.5))
    assert wordless(heard(slow, end=4.0), PADDING) == []
    # A pause that was cut out has padding on both sides.
    pieces = [Span(0.0, 3.0), Span(10.0, 13.0)]
    parts = [evenly("before the pause", 0.4, 2.6), evenly("and after it", 10.4, 12.6)]
    assert wordless(RecognizedWindow(pieces, "en", {"en": 0.99}, parts), PADDING) == []
    assert wordless(heard(), PADDING) == []
    assert wordless(heard(Segment(0, 9, "no times", -0.2, 0.1, 1.2, 0.0), end=9.0), PADDING) == []


def test_a_window_gets_what_was_left_out_of_it() -> None:
    (look,) = second_looks([LEFT_OUT], ["en"], padding=PADDING)
    assert (look.reason, look.parts) == ("wordless", (((4.0, 7.8),),))
    alone = heard(evenly("Andy ran away from the squid.", 4.4, 7.0), start=4.0, end=7.8)
    (found,) = after_second_looks([LEFT_OUT], [look], iter([alone]), ["en"], padding=PADDING)
    assert "Andy ran away from the squid." in texts(found)


def test_a_window_with_a_phantom_is_looked_at_for_that_alone() -> None:
    window = heard(FIRST, STRETCHED, evenly("Thanks for watching!", 9.4, 11.0), end=11.4)
    assert [look.reason for look in second_looks([window], ["en"], padding=PADDING)] == ["phantom"]
