"""Corrected translations, and which sentences a changed subtitle belongs to."""

from __future__ import annotations

from reelmill.artifacts import CueSource, Sentence, SubtitleCue, TranslatedSentence
from reelmill.artifacts.corrected_translations import (
    correct_translations,
    cues_together,
    reworded,
)
from reelmill.artifacts.corrections import TranslationEdit

SENTENCES = [Sentence(0.0, 2.0, "a", []), Sentence(3.0, 5.0, "b", []), Sentence(9.0, 9.5, "c", [])]
MACHINE = [TranslatedSentence(text, "translated", 0.5) for text in ("one", "two", "one")]


def edit(start: float, was: str, now: str) -> TranslationEdit:
    return TranslationEdit("ko", start, start + 1, was, now)


def test_an_edit_goes_to_the_nearest_sentence_with_the_former_text() -> None:
    now, unfit = correct_translations(SENTENCES, MACHINE, [edit(9.0, "one", "three")])
    assert [one.text for one in now] == ["one", "two", "three"] and unfit == []
    assert (now[2].status, now[2].machine) == ("corrected", "one")


def test_the_machines_text_stays_after_several_edits_and_comes_back() -> None:
    edits = [edit(3.0, "two", "2"), edit(3.0, "2", "II")]
    now, _ = correct_translations(SENTENCES, MACHINE, edits)
    assert (now[1].text, now[1].machine) == ("II", "two")
    now, _ = correct_translations(SENTENCES, MACHINE, [*edits, edit(3.0, "II", "two")])
    assert now == MACHINE


def test_what_no_longer_fits_is_left_out() -> None:
    wrong = [edit(3.0, "zwei", "drei"), edit(30.0, "one", "x")]
    assert correct_translations(SENTENCES, MACHINE, wrong) == (MACHINE, wrong)


def test_subtitles_are_grouped_with_the_sentences_they_show() -> None:
    def cue(*sentences: int) -> SubtitleCue:
        return SubtitleCue(0, 1, [], [CueSource(one, 0, 1) for one in sentences])

    cues = [cue(0), cue(0), cue(1), cue(1, 2), cue(3)]
    assert cues_together(cues) == [([0, 1], [0]), ([2, 3], [1, 2]), ([4], [3])]
    assert cues_together([cue(0), cue(1), cue(0, 1)]) == [([0, 1, 2], [0, 1])]


def test_sentences_of_one_subtitle_get_their_own_part_of_its_new_text() -> None:
    assert reworded(["Yes. ", "I came. "], "Yes. I went. ") == ["Yes. ", "I went. "]
    assert reworded(["네. ", "왔어요. "], "아니요. 왔어요. ") == ["아니요. ", "왔어요. "]
    assert reworded(["a b"], "c") == ["c"]
