from __future__ import annotations

from typing import cast

from reelmill.artifacts import (
    AlignedTranscript,
    Diarization,
    Segment,
    Span,
    SpeakerActivity,
    Turn,
    Word,
)
from reelmill.core.recording import Recording
from reelmill.engine.stage import Inputs
from reelmill.models.speakers.files import encoder_spec
from reelmill.stages.speakers.attribute_speakers import (
    AttributeSpeakers,
    speaker_totals,
    spoken_parts,
)
from reelmill.stages.speakers.diarize import Diarize
from reelmill.stages.speakers.embed_speakers import EmbedSpeakers
from reelmill.stages.speakers.speaker_turns import TurnOptions, speaker_label, turns_of
from reelmill.stages.speakers.speakers_at import SpeakersAt
from reelmill.stages.speakers.utterances import goes_on, utterances
from reelmill.testing import context_of

NOBODY = cast(Recording, None)


def segment(text: str, times: list[tuple[float, float]] | None = None) -> Segment:
    words = [
        Word(start, end, word, 1.0, "aligned")
        for word, (start, end) in zip(text.split(), times or [], strict=False)
    ]
    return Segment(0.0, 6.0, text, -0.1, 0.0, 1.0, 0.0, words)


TURNS = [Turn(0.0, 2.0, "A"), Turn(2.0, 4.0, "B"), Turn(3.5, 6.0, "A")]


# proves: V5
def test_segments_are_split_where_the_speaker_changes_and_nothing_is_lost() -> None:
    said = segment("Well, hello. Hi, Kim!", [(0.1, 0.5), (0.6, 1.2), (2.2, 2.6), (2.7, 3.2)])
    parts = list(spoken_parts([said], SpeakersAt(TURNS)))
    assert [(part.speaker, part.text) for part in parts] == [
        ("A", "Well, hello."),
        ("B", "Hi, Kim!"),
    ]
    assert parts[0].start == 0.0 and parts[0].end == 1.2
    assert parts[1].start == 2.2 and parts[1].end == 6.0
    assert all(word.speaker == part.speaker for part in parts for word in part.words)


def tokens(text: str, times: list[tuple[float, float]], pieces: list[str]) -> Segment:
    """A segment whose words are `pieces`, as aligners give them for Japanese and Chinese."""
    words = [
        Word(start, end, piece, 1.0, "aligned")
        for piece, (start, end) in zip(pieces, times, strict=True)
    ]
    return Segment(0.0, 6.0, text, -0.1, 0.0, 1.0, 0.0, words)


def spoken(said: Segment, turns: list[Turn]) -> list[tuple[str | None, str]]:
    return [(part.speaker, part.text) for part in spoken_parts([said], SpeakersAt(turns))]


# proves: V5
def test_in_japanese_the_speaker_changes_only_between_phrases() -> None:
    """The turns change in the middle of the first word, where characters have times."""
    pieces = list("はい、そうです。")
    times = [(0.2 * index, 0.2 * index + 0.2) for index in range(len(pieces))]
    cut = [Turn(0.0, 0.25, "A"), Turn(0.25, 2.0, "B")]
    assert spoken(tokens("はい、そうです。", times, pieces), cut) == [("B", "はい、そうです。")]
    after = [Turn(0.0, 0.75, "A"), Turn(0.75, 2.0, "B")]
    assert spoken(tokens("はい、そうです。", times, pieces), after) == [
        ("A", "はい、"),
        ("B", "そうです。"),
    ]


# proves: V5
def test_an_answer_behind_a_question_without_marks_is_not_the_asker_s() -> None:
    """It is timed in the pause behind the question, in a segment of its own or not."""
    turns = [Turn(0.0, 1.3, "A"), Turn(2.0, 4.0, "B")]
    times = [(0.1, 0.6), (0.6, 1.2), (1.2, 1.7), (2.0, 2.6), (2.6, 3.2)]
    pieces = ["ご本人様で", "いらっしゃいますか", "はい", "そうです", "本人です"]
    together = tokens("".join(pieces), times, pieces)
    apart = [
        tokens("".join(pieces[a:b]), times[a:b], pieces[a:b]) for a, b in ((0, 2), (2, 3), (3, 5))
    ]
    for segments in ([together], apart):
        parts = spoken_parts(segments, SpeakersAt(turns))
        said = {"A": "", "B": ""}
        for part in parts:
            said[part.speaker or ""] += part.text
        assert said == {"A": "ご本人様でいらっしゃいますか", "B": "はいそうです本人です"}


# proves: V5
def test_a_trailing_word_does_not_jump_to_the_next_speaker() -> None:
    """Its sentence is A's; B's turn begins a little early."""
    turns = [Turn(0.0, 1.0, "A"), Turn(0.95, 4.0, "B")]
    said = segment("See you on Monday.", [(0.1, 0.3), (0.35, 0.6), (0.62, 0.9), (1.0, 1.4)])
    assert spoken(said, turns) == [("A", "See you on Monday.")]
    times = [(0.1, 0.3), (0.35, 0.6), (0.62, 0.9), (1.0, 1.4), (1.5, 1.8), (1.9, 2.2), (2.3, 2.6)]
    said = segment("See you on Monday. That is fine.", times)
    assert spoken(said, turns) == [("A", "See you on Monday."), ("B", "That is fine.")]


# proves: V5
def test_a_word_between_two_turns_of_one_person_stays_theirs_unless_the_evidence_is_strong() -> (
    None
):
    times = [(0.0, 0.4), (0.5, 0.9), (0.95, 1.2), (1.25, 1.6), (1.7, 2.0)]
    fragment = segment("we meet right there tomorrow", times)
    turns = [Turn(0.0, 1.0, "A"), Turn(0.9, 1.22, "B"), Turn(1.2, 3.0, "A")]
    assert spoken(fragment, turns) == [("A", "we meet right there tomorrow")]
    times = [(0.0, 0.4), (0.5, 0.9), (1.2, 1.6), (1.9, 2.3), (2.4, 2.8)]
    answered = segment("we meet? Right. There, tomorrow", times)
    turns = [Turn(0.0, 1.0, "A"), Turn(1.1, 1.7, "B"), Turn(1.85, 3.0, "A")]
    assert spoken(answered, turns) == [
        ("A", "we meet?"),
        ("B", "Right."),
        ("A", "There, tomorrow"),
    ]


# proves: V5
def test_the_first_word_of_a_sentence_does_not_stay_with_the_speaker_before() -> None:
    """B's turn begins a little late."""
    turns = [Turn(0.0, 1.3, "A"), Turn(1.2, 4.0, "B")]
    times = [(0.1, 0.5), (0.6, 0.9), (1.0, 1.35), (1.4, 1.8), (1.85, 2.4)]
    said = segment("Thank you. That is fine.", times)
    assert spoken(said, turns) == [("A", "Thank you."), ("B", "That is fine.")]


def test_a_sentence_begun_right_behind_another_speaker_s_belongs_to_who_goes_on_with_it() -> None:
    """Its first words are timed before the pause between the turns."""
    turns = [Turn(0.0, 2.0, "A"), Turn(2.4, 5.0, "B")]
    said_by_b = "You have no choice at all."
    said = [
        segment("It will rain.", [(0.1, 0.5), (0.5, 0.9), (0.9, 1.3)]),
        segment(
            said_by_b, [(1.35, 1.5), (1.5, 1.9), (2.4, 2.8), (2.8, 3.2), (3.2, 3.4), (3.4, 3.7)]
        ),
    ]
    parts = list(spoken_parts(said, SpeakersAt(turns)))
    assert [(part.speaker, part.text) for part in parts] == [
        ("A", "It will rain."),
        ("B", said_by_b),
    ]


# proves: V5 V8
def test_a_beginning_timed_before_its_speaker_is_heard_begins_with_their_turn() -> None:
    """The aligner heard "You" in the end of A's "rain", and B's "have" where both words are."""
    turns = [Turn(0.0, 1.5, "A"), Turn(2.38, 5.0, "B")]
    said = [
        segment("It will rain.", [(0.1, 0.5), (0.5, 0.9), (0.9, 1.1)]),
        segment("You have no choice.", [(1.1, 1.5), (2.4, 2.73), (2.73, 3.0), (3.0, 3.4)]),
    ]
    rain, choice = spoken_parts(said, SpeakersAt(turns))
    assert (rain.words[-1].text, rain.words[-1].start, rain.words[-1].end) == ("rain.", 0.9, 1.5)
    you, have, *_ = choice.words
    assert choice.start == you.start == 2.38
    assert you.end == have.start == 2.53
    assert (have.end, you.timing, have.timing) == (2.73, "interpolated", "aligned")


# proves: V5 V8
def test_a_beginning_in_the_end_of_the_same_speaker_s_turn_moves_if_the_aligner_doubts_it() -> None:
    turns = [Turn(0.0, 1.5, "A"), Turn(2.38, 5.0, "A")]
    said = segment("You have no choice.", [(1.1, 1.5), (2.4, 2.73), (2.73, 3.0), (3.0, 3.4)])
    for score, start in ((0.1, 2.38), (0.9, 1.1)):
        said.words[0].score = score
        rain = segment("It will rain.", [(0.1, 0.5), (0.5, 0.9), (0.9, 1.1)])
        _, choice = spoken_parts([rain, said], SpeakersAt(turns))
        assert choice.words[0].start == start


def test_a_beginning_within_its_speaker_s_own_turn_keeps_its_times() -> None:
    """B says it while A still speaks."""
    turns = [Turn(0.0, 2.0, "A"), Turn(1.05, 1.4, "B"), Turn(2.38, 5.0, "B")]
    said = [
        segment("It will rain.", [(0.1, 0.5), (0.5, 0.9), (0.9, 1.1)]),
        segment("You have no choice.", [(1.1, 1.4), (2.4, 2.7), (2.7, 3.0), (3.0, 3.4)]),
    ]
    parts = list(spoken_parts(said, SpeakersAt(turns)))
    assert [part.words[0].start for part in parts if part.text.startswith("You")] == [1.1]


# proves: V5
def test_a_beginning_cut_off_by_a_pause_belongs_to_who_goes_on_in_small_letters() -> None:
    turns = [Turn(0.0, 1.6, "A"), Turn(4.0, 6.0, "B")]
    said = [
        segment("It will rain.", [(0.1, 0.5), (0.5, 0.9), (0.9, 1.1)]),
        segment("Don't", [(1.1, 1.5)]),
        segment("tell anyone today.", [(4.0, 4.6), (4.6, 5.0), (5.0, 5.4)]),
    ]
    parts = list(spoken_parts(said, SpeakersAt(turns)))
    assert [part.speaker for part in parts] == ["A", "B", "B"]
    assert parts[1].start == 4.0 and parts[1].end == parts[2].words[0].start


# proves: V5
def test_a_sentence_begun_by_one_after_a_pause_and_ended_by_another_stays_cut() -> None:
    turns = [Turn(0.0, 2.0, "A"), Turn(2.4, 5.0, "B")]
    said = [
        segment("It will rain.", [(0.1, 0.5), (0.5, 0.7), (0.7, 0.9)]),
        segment(
            "Well then, I must go.", [(1.2, 1.5), (1.5, 1.9), (2.4, 2.8), (2.8, 3.2), (3.2, 4)]
        ),
    ]
    found = [(part.speaker, part.text) for part in spoken_parts(said, SpeakersAt(turns))]
    assert found == [("A", "It will rain."), ("A", "Well then,"), ("B", "I must go.")]


def in_segments(*texts: tuple[str, float]) -> list[Segment]:
    """A segment for each text, whose words take 0.3 s each from the given second on."""
    return [
        segment(text, [(start + 0.3 * i, start + 0.3 * i + 0.28) for i in range(9)])
        for text, start in texts
    ]


# proves: V5
def test_a_word_cut_off_into_a_segment_of_its_own_stays_with_who_speaks_around_it() -> None:
    """Recognizers cut segments anywhere; a real answer in between keeps its speaker."""
    said = in_segments(("and then we", 0.0), ("really", 0.9), ("have to go", 1.2))
    doubtful = [Turn(0.0, 1.0, "A"), Turn(0.95, 1.2, "B"), Turn(1.1, 3.0, "A")]
    parts = spoken_parts(said, SpeakersAt(doubtful))
    assert [part.speaker for part in parts] == ["A", "A", "A"]
    clear = [Turn(0.0, 0.88, "A"), Turn(0.89, 1.2, "B"), Turn(1.21, 3.0, "A")]
    parts = spoken_parts(said, SpeakersAt(clear))
    assert [part.speaker for part in parts] == ["A", "B", "A"]


def test_without_words_a_segment_belongs_to_its_main_speaker() -> None:
    (part,) = spoken_parts([segment("no words here")], SpeakersAt(TURNS))
    assert part.speaker == "A"


def test_a_word_without_a_speaker_gets_the_nearest_one_within_reach() -> None:
    speakers = SpeakersAt([Turn(1.0, 2.0, "A"), Turn(5.0, 6.0, "B")])
    assert speakers.at(2.3, 2.5) == "A"
    assert speakers.at(4.5, 4.8) == "B"
    assert speakers.at(20.0, 21.0) is None


# proves: V5
def test_totals_count_overlap_once_for_each_speaker_and_shares_add_up() -> None:
    a, b = speaker_totals(Diarization(TURNS, ["A", "B"], "m", 6.0))
    assert (a.seconds, a.turns, a.overlap) == (4.5, 2, 0.5)
    assert (b.seconds, b.turns, b.overlap) == (2.0, 1, 0.5)
    assert abs(a.share + b.share - 1) < 1e-3


def test_the_artifact_names_the_networks_used() -> None:
    transcript = AlignedTranscript(
        "en",
        1.0,
        "demo",
        6.0,
        5.0,
        [segment("hello", [(0.1, 0.4)])],
        aligner="aligner",
        notes=["a note"],
    )
    diarization = Diarization(TURNS, ["A", "B"], "networks", 6.0, ["no token"])
    made = AttributeSpeakers().run(context_of(NOBODY), Inputs([transcript, diarization]))
    assert (made.diarizer, made.aligner) == ("networks", "aligner")
    assert made.notes == ["a note", "no token"]
    assert made.segments[0].speaker == "A"


def activity(
    speech: list[tuple[float, float]],
    overlaps: list[tuple[float, float]] | None = None,
    changes: list[float] | None = None,
) -> SpeakerActivity:
    spans = [[Span(*times) for times in some or []] for some in (speech, overlaps)]
    return SpeakerActivity("m", 20.0, *spans, changes or [])


def test_utterances_have_one_speaker_and_lie_in_speech() -> None:
    found = utterances(activity([(1.0, 4.0), (5.0, 10.0)], [(3.5, 4.0)], [2.0, 9.95]), 2.5)
    assert [(one.start, one.end) for one in found] == [
        (1.0, 2.0), (2.0, 3.5), (5.0, 7.5), (7.5, 10.0),
    ]  # fmt: skip


def test_a_stretch_cut_inside_a_breath_counts_as_continued() -> None:
    changes = [2.0, 9.95]
    found = utterances(activity([(1.0, 4.0), (5.0, 10.0)], [(3.5, 4.0)], changes), 2.5)
    assert [span.start for span in found] == [1.0, 2.0, 5.0, 7.5]
    assert goes_on(found, changes).tolist() == [False, False, False, True]


# proves: V5
def test_speakers_of_an_overlap_are_those_before_and_after_it() -> None:
    heard = activity([(0.0, 4.0), (6.0, 7.0)], [(1.5, 2.0)])
    stretches = [Span(0.0, 1.5), Span(2.0, 4.0), Span(6.0, 7.0)]
    turns = turns_of(heard, stretches, [1, 0, 1], TurnOptions())
    assert [(turn.start, turn.end, turn.speaker) for turn in turns] == [
        (0.0, 2.0, "A"), (1.5, 4.0, "B"), (6.0, 7.0, "A"),
    ]  # fmt: skip


def test_short_pauses_and_very_short_speech_do_not_make_turns() -> None:
    heard = activity([(0.0, 1.0), (1.1, 2.05), (5.0, 5.1)])
    stretches = [Span(0.0, 1.0), Span(1.1, 2.0), Span(5.0, 5.1)]
    turns = turns_of(heard, stretches, [0, 0, 1], TurnOptions())
    assert [(turn.start, turn.end, turn.speaker) for turn in turns] == [(0.0, 2.05, "A")]


def test_there_are_labels_for_any_number_of_speakers() -> None:
    assert [speaker_label(i) for i in (0, 25, 26, 27, 52)] == ["A", "Z", "AA", "AB", "BA"]


def test_a_recording_without_speech_has_no_voices_and_no_turns() -> None:
    silent = activity([])
    hear = EmbedSpeakers(encoder_spec("default"))
    voices = hear.merge(context_of(NOBODY), Inputs([silent]), iter(()))
    made = Diarize().run(context_of(NOBODY), Inputs([silent, voices]))
    assert (made.turns, made.speakers) == ([], [])
