"""Translations with the corrections of people, and the translation of which a subtitle is part."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from reelmill.artifacts.corrections import TranslationEdit
from reelmill.artifacts.edited_words import letters
from reelmill.artifacts.subtitles import Sentence, SubtitleCue, TranslatedSentence

#: How far from its time the sentence of an edit is searched for after the text was made anew, in
#: seconds.
_REACH_S = 3.0


def correct_translations(
    sentences: Sequence[Sentence],
    translated: Sequence[TranslatedSentence],
    edits: Sequence[TranslationEdit],
) -> tuple[list[TranslatedSentence], list[TranslationEdit]]:
    """Apply edits of one language, one after the other.

    Returns:
        The translations, where corrected with the translator's text as `machine`, and the edits
        that no longer fit: near their time no sentence has the former translation.
    """
    now, unfit = list(translated), []
    for edit in edits:
        index = _place(sentences, now, edit)
        if index is None:
            unfit.append(edit)
            continue
        was = now[index]
        machine = was.text if was.machine is None else was.machine
        now[index] = TranslatedSentence(edit.now, "corrected", machine=machine)
        if edit.now == machine:
            now[index] = translated[index]
    return now, unfit


def _place(
    sentences: Sequence[Sentence], now: Sequence[TranslatedSentence], edit: TranslationEdit
) -> int | None:
    """The nearest sentence with the former translation."""
    near = sorted((_distance(one, edit), index) for index, one in enumerate(sentences))
    return next(
        (
            index
            for distance, index in near
            if distance <= _REACH_S and letters(now[index].text) == letters(edit.was)
        ),
        None,
    )


def _distance(sentence: Sentence, edit: TranslationEdit) -> float:
    return max(sentence.start - edit.end, edit.start - sentence.end, 0.0) + (
        abs(sentence.start - edit.start) / 1000
    )


def cues_together(cues: Sequence[SubtitleCue]) -> list[tuple[list[int], list[int]]]:
    """Subtitles and sentences that belong together: a sentence may need several subtitles, and a
    subtitle may show several sentences.

    Returns:
        The numbers of the subtitles and of the sentences of each group, in order.
    """
    of: dict[int, tuple[set[int], set[int]]] = {}
    for number, cue in enumerate(cues):
        numbers, shown = {number}, {source.sentence for source in cue.sources}
        for one in list(shown):
            if one in of:
                numbers |= of[one][0]
                shown |= of[one][1]
        for one in shown:
            of[one] = numbers, shown
    groups = {min(numbers): (numbers, shown) for numbers, shown in of.values()}
    return [(sorted(numbers), sorted(shown)) for _, (numbers, shown) in sorted(groups.items())]


def reworded(texts: Sequence[str], now: str) -> list[str]:
    """What became of several sentences that stand in one text, which a person changed: each begins
    where the letter before it is still the same, or at its share of what was rewritten."""
    whole = "".join(texts)
    matcher = difflib.SequenceMatcher(None, whole, now, autojunk=False)
    found, begin, end = [], 0, 0
    for text in texts:
        end += len(text)
        stop = len(now) if end == len(whole) else _moved(matcher, end)
        found.append(now[begin:stop])
        begin = stop
    return found


def _moved(matcher: difflib.SequenceMatcher[str], at: int) -> int:
    """Where a place in the former text is in the new one."""
    for _, first, stop, new_first, new_stop in matcher.get_opcodes():
        if first < at <= stop:
            share = (at - first) / (stop - first)
            return new_first + round(share * (new_stop - new_first))
    return 0
