"""Corrections change words, speakers and turns, keep times, and apply only where they fit."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reelmill.artifacts import Segment, SpokenTranscript, Transcript, Turn, Word
from reelmill.artifacts.corrections import CorrectionLayer, Edit, EditKind, corrected
from reelmill.artifacts.edited_words import EditedSegment, EditedWord

# proves: V7


def segment(start: float, text: str, speaker: str = "A", *, spaces: bool = True) -> Segment:
    """A word a second."""
    texts = text.split() if spaces else text.split("|")
    words = [
        Word(start + n, start + n + 0.9, one, 0.8, "aligned", speaker)
        for n, one in enumerate(texts)
    ]
    whole = text if spaces else "".join(texts)
    return Segment(start, start + len(texts), whole, -0.1, 0.0, 1.0, 0.0, words, speaker)


def transcript(*segments: Segment, language: str = "en") -> SpokenTranscript:
    return SpokenTranscript(language, 1.0, "demo", 60.0, 30.0, list(segments))


def layer(*edits: Edit) -> CorrectionLayer:
    return CorrectionLayer("call", "a" * 64, "key", list(edits))


def words(start: float, end: float, was: str, now: str) -> Edit:
    return Edit("words", start, end, was, now)


CALL = transcript(
    segment(0, "send the money now"), segment(10, "no I will not", "B"), segment(20, "then wait")
)
TURNS = [Turn(0, 4, "A"), Turn(10, 14, "B"), Turn(20, 22, "A")]


def texts(made: Transcript) -> list[str]:
    return [one.text for one in made.segments]


def test_as_many_words_take_the_times_of_the_old_ones() -> None:
    made = corrected(CALL, layer(words(2, 3, "money", "honey"))).transcript
    assert texts(made)[0] == "send the honey now"
    new = made.segments[0].words[2]
    assert isinstance(new, EditedWord)
    assert (new.text, new.start, new.end, new.timing) == ("honey", 2, 2.9, "aligned")
    assert (new.machine, new.speaker) == ("money", "A")
    assert made.segments[0].words[0] == CALL.segments[0].words[0]


def test_more_words_share_the_time_and_the_others_keep_theirs() -> None:
    made = corrected(CALL, layer(words(2, 3, "money", "car keys"))).transcript
    found = made.segments[0].words
    assert [one.text for one in found] == ["send", "the", "car", "keys", "now"]
    assert (found[2].start, found[3].end) == (2, 2.9)
    assert found[2].end == found[3].start and found[2].timing == "interpolated"
    assert found[4] == CALL.segments[0].words[3]


def test_a_whole_segment_changes_only_where_it_differs() -> None:
    made = corrected(
        CALL, layer(words(0, 4, "send the money now", "lend the money now"))
    ).transcript
    kinds = [isinstance(word, EditedWord) for word in made.segments[0].words]
    assert kinds == [True, False, False, False]


def test_words_are_taken_out_and_put_in() -> None:
    edits = layer(words(0, 4, "send the money now", "send money"), words(11, 11, "", "really"))
    made = corrected(CALL, edits).transcript
    assert texts(made)[:2] == ["send money", "no really I will not"]
    assert [one.text for one in made.segments[1].words][1] == "really"


def test_punctuation_around_a_word_stays() -> None:
    said = Segment(0, 2, "“Yes, Kim.” he", 0, 0, 0, 0)
    said.words = [Word(0, 1, "Yes", 1, "aligned"), Word(1, 1.5, "Kim", 1, "aligned")]
    made = corrected(transcript(said), layer(words(1, 1.5, "Kim", "Lee"))).transcript
    assert texts(made) == ["“Yes, Lee.” he"]


def test_a_text_without_spaces() -> None:
    said = transcript(segment(0, "明日|の|会議", spaces=False), language="ja")
    made = corrected(said, layer(words(2, 3, "会議", "会合"))).transcript
    assert texts(made) == ["明日の会合"]
    assert [one.text for one in made.segments[0].words] == ["明日", "の", "会合"]


def test_a_segment_without_word_times() -> None:
    said = transcript(replace(CALL.segments[0], words=[]))
    made = corrected(said, layer(words(0, 4, "money", "honey"))).transcript
    assert texts(made) == ["send the honey now"]
    assert corrected(said, layer(words(0, 4, "sugar", "x"))).unfit


def test_what_the_machine_wrote_is_known_after_any_number_of_corrections() -> None:
    edits = layer(words(2, 3, "money", "honey"), words(2, 3, "honey", "bunny"))
    found = corrected(CALL, edits).transcript.segments[0]
    assert isinstance(found, EditedSegment) and found.machine == "send the money now"
    assert isinstance(found.words[2], EditedWord) and found.words[2].machine == "money"
    assert texts(CALL)[0] == "send the money now", "the machine's transcript is not touched"


def test_a_speaker_is_called_by_a_name_everywhere() -> None:
    made = corrected(CALL, layer(Edit("name", 0, 60, "A", "Kim")), TURNS)
    assert [one.speaker for one in made.transcript.segments] == ["Kim", "B", "Kim"]
    assert [one.speaker for one in made.turns] == ["Kim", "B", "Kim"]
    assert {word.speaker for word in made.transcript.segments[0].words} == {"Kim"}


def test_a_turn_is_given_to_another_speaker() -> None:
    made = corrected(CALL, layer(Edit("speaker", 20, 22, "A", "B")), TURNS)
    found = made.transcript.segments[2]
    assert found.speaker == "B" and {word.speaker for word in found.words} == {"B"}
    assert isinstance(found, EditedSegment) and found.machine_speaker == "A"
    assert [one.speaker for one in made.turns] == ["A", "B", "B"]


def test_part_of_a_turn_is_given_to_another_speaker() -> None:
    made = corrected(CALL, layer(Edit("speaker", 10, 12, "B", "A")), TURNS)
    assert [(one.start, one.end, one.speaker) for one in made.turns][1:3] == [
        (10, 12, "A"),
        (12, 14, "B"),
    ]


def test_a_segment_is_split_at_a_word_and_merged_again() -> None:
    split = Edit("split", 2, 4, "money", "C")
    made = corrected(CALL, layer(split), TURNS)
    assert texts(made.transcript)[:2] == ["send the", "money now"]
    assert [one.speaker for one in made.transcript.segments][:2] == ["A", "C"]
    assert [(one.end, one.speaker) for one in made.turns][:2] == [(2, "A"), (4, "C")]
    merge = Edit("merge", 0, 4, "send the money now", "A")
    again = corrected(CALL, layer(split, merge), TURNS)
    assert texts(again.transcript) == texts(CALL)
    assert again.transcript.segments[0].speaker == "A"


@pytest.mark.parametrize(
    "edit",
    [
        words(2, 3, "sugar", "honey"),
        words(50, 51, "money", "honey"),
        Edit("name", 0, 60, "Z", "Kim"),
        Edit("speaker", 20, 22, "B", "A"),
        Edit("merge", 0, 4, "", ""),
        Edit("merge", 0, 14, "other words", ""),
        Edit("split", 0, 4, "send", ""),
        Edit("split", 2, 4, "sugar", ""),
    ],
)
def test_what_does_not_fit_is_not_applied_and_told(edit: Edit) -> None:
    made = corrected(CALL, layer(edit), TURNS)
    assert made.unfit == [edit]
    assert made.transcript == CALL and made.turns == TURNS


@pytest.mark.parametrize("moved", [-1.5, 0.4, 2.0])
def test_words_are_found_again_when_their_times_have_moved(moved: float) -> None:
    other = transcript(segment(moved, "so send the money now"), *CALL.segments[1:])
    made = corrected(other, layer(words(2, 3, "money", "honey")))
    assert made.unfit == [] and texts(made.transcript)[0] == "so send the honey now"


def test_the_nearest_of_several_equal_words_is_meant() -> None:
    said = transcript(segment(0, "no no no"))
    made = corrected(said, layer(words(1, 1.9, "no", "yes"))).transcript
    assert texts(made) == ["no yes no"]


def test_kinds_are_all_known() -> None:
    kinds: tuple[EditKind, ...] = ("words", "name", "speaker", "merge", "split")
    for kind in kinds:
        corrected(CALL, layer(Edit(kind, 0, 1)), TURNS)
