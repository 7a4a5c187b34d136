"""Corrections of subtitles in one language: what people ask for becomes edits of the translations
that the subtitles show, and the files that show them are made anew."""

from __future__ import annotations

import getpass
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timezone
from functools import cached_property
from pathlib import Path
from typing import Any

from reelmill.artifacts import (
    CorrectedTranslations,
    ExportedFile,
    Sentence,
    Sentences,
    SubtitleCue,
    Subtitles,
    TranslatedSentence,
    Translations,
)
from reelmill.artifacts.corrected_translations import (
    correct_translations,
    cues_together,
    reworded,
)
from reelmill.artifacts.corrections import CorrectionLayer, TranslationEdit
from reelmill.artifacts.edited_words import joined, letters, spaced
from reelmill.errors import InputError, UsageError
from reelmill.export.transcript.reading import Row, read_captions
from reelmill.report.wording import clock
from reelmill.runs.case_folder import CaseFolder
from reelmill.runs.correcting import keep_layer, layer_of
from reelmill.runs.remake import Finished, remake

_EPSILON_S = 0.05


@dataclass(frozen=True)
class SubtitleDesk:
    """The subtitles of a recording in one language, with its corrections so far."""

    finished: Finished
    layer: CorrectionLayer
    language: str
    by: str
    sentences: list[Sentence]
    machine: list[TranslatedSentence]
    cues: list[SubtitleCue]

    @property
    def edits(self) -> list[TranslationEdit]:
        """Those in this language."""
        return [one for one in self.layer.translations if one.language == self.language]

    @cached_property
    def now(self) -> list[TranslatedSentence]:
        """The translations as they are corrected."""
        return correct_translations(self.sentences, self.machine, self.edits)[0]

    @property
    def unfit(self) -> list[TranslationEdit]:
        """The edits that no longer fit."""
        return correct_translations(self.sentences, self.machine, self.edits)[1]

    def at(self, time: float, was: str | None, text: str) -> list[TranslationEdit]:
        """Another text in the subtitle that is shown at a time, or of some of its words.

        Raises:
            UsageError: there is none, or it does not have these words.
        """
        number = next(
            (
                number
                for number, cue in enumerate(self.cues)
                if cue.start - _EPSILON_S <= time <= cue.end + _EPSILON_S
            ),
            None,
        )
        if number is None:
            raise UsageError(f"{clock(time)}: no {self.language} subtitle is shown at this time")
        shown = self._text(self.cues[number])
        if was is not None and was.strip() not in shown:
            raise UsageError(f"{clock(time)}: “{was.strip()}” is not in the subtitle “{shown}”")
        now = text.strip() if was is None else shown.replace(was.strip(), text.strip(), 1)
        return self._edits({number: now})

    def imported(self, path: Path) -> tuple[list[TranslationEdit], list[str]]:
        """The edits in an edited file of subtitles, and what of it was not taken over.

        Raises:
            InputError: it cannot be read, or is of another form.
        """
        rows = read_captions(path)
        of: dict[int, list[str]] = {}
        left = []
        for row in rows:
            number = self._cue_of(row)
            if number is None:
                left.append(f"{clock(row.start)}: “{row.text}” is where no subtitle is shown")
            else:
                of.setdefault(number, []).append(row.text)
        if not of:
            raise InputError(f"{path}: none of its times is that of a subtitle here")
        changed: dict[int, str] = {}
        for number, cue in enumerate(self.cues):
            text = joined(of.get(number, []), spaced(self.language))
            said = self._without_original(text, cue)
            if said is None:
                left.append(f"{clock(cue.start)}: “{text}” does not have the original's line")
            elif letters(said) != letters(self._text(cue)):
                changed[number] = said
        return self._edits(changed), left

    def _cue_of(self, row: Row) -> int | None:
        """The cue with which a row has most time in common."""
        common = [
            (min(cue.end, row.end) - max(cue.start, row.start), -number)
            for number, cue in enumerate(self.cues)
        ]
        seconds, number = max(common, default=(0.0, 0))
        return -number if seconds > 0 else None

    def _without_original(self, text: str, cue: SubtitleCue) -> str | None:
        """A text without the lines in the spoken language, which stand below the others; None where
        they were changed."""
        original = joined(cue.original, has_spaces=True)
        if not original or not text:
            return text
        return text.removesuffix(original).strip() if text.endswith(original) else None

    def _text(self, cue: SubtitleCue) -> str:
        return joined(cue.lines, spaced(self.language))

    def _edits(self, changed: dict[int, str]) -> list[TranslationEdit]:
        """Other texts of cues as edits of the sentences that they show."""
        edits = []
        for cues, sentences in cues_together(self.cues):
            if changed.keys().isdisjoint(cues):
                continue
            has_spaces = spaced(self.language)
            texts = [changed.get(number, self._text(self.cues[number])) for number in cues]
            space = " " if has_spaces else ""
            former = [self.now[one].text.strip() + space for one in sentences]
            edits += [
                self._edit(number, text.strip())
                for number, text in zip(
                    sentences, reworded(former, joined(texts, has_spaces) + space), strict=True
                )
                if letters(text) != letters(self.now[number].text)
            ]
        return edits

    def _edit(self, number: int, text: str) -> TranslationEdit:
        sentence = self.sentences[number]
        at = datetime.now(timezone.utc).isoformat(timespec="seconds")
        start, end = round(sentence.start, 3), round(sentence.end, 3)
        return TranslationEdit(self.language, start, end, self.now[number].text, text, self.by, at)

    def shown(self) -> Iterator[tuple[Sentence, TranslatedSentence]]:
        """Each sentence with its translation as it is corrected."""
        return zip(self.sentences, self.now, strict=True)


def open_subtitle_desk(finished: Finished, language: str, by: str | None) -> SubtitleDesk:
    """The subtitles of a recording in one language.

    Raises:
        UsageError: there are none that can be made again without a run.
        InputError: the layer is not ours, or for other content.
    """
    inputs = next((one for one in finished.subtitles if one.of(Subtitles) is not None), None)
    whole = next((one for one in finished.subtitles if one.of(Translations) is not None), None)
    name = finished.recording.name
    if inputs is None or whole is None:
        raise UsageError(
            f"{name}: no subtitles that can be corrected; run `reelmill subtitle` on the recording "
            "first, once more if an earlier version made them"
        )
    subtitles, translations = inputs.of(Subtitles), whole.of(Translations)
    sentences = whole.of(Sentences)
    assert isinstance(subtitles, Subtitles) and isinstance(translations, Translations)
    assert isinstance(sentences, Sentences)
    track = next((one for one in subtitles.tracks if one.language == language), None)
    if track is None:
        there = ", ".join(one.language for one in subtitles.tracks)
        raise UsageError(f"--subtitles {language}: {name} has subtitles in: {there}")
    translated = translations.targets[language]
    if isinstance(translations, CorrectedTranslations):
        translated = list(map(_by_machine, translated))
    return SubtitleDesk(
        finished, layer_of(finished), language, by or getpass.getuser(),
        sentences.sentences, translated, track.cues,
    )  # fmt: skip


def _by_machine(one: TranslatedSentence) -> TranslatedSentence:
    return one if one.machine is None else TranslatedSentence(one.machine, "translated")


def fitting(
    desk: SubtitleDesk, edits: Sequence[TranslationEdit]
) -> tuple[list[TranslationEdit], list[TranslationEdit]]:
    """The edits that fit the translations, one after the other, and those that do not."""
    _, unfit = correct_translations(desk.sentences, desk.now, edits)
    return [edit for edit in edits if edit not in unfit], unfit


def save_subtitles(
    case: CaseFolder,
    desk: SubtitleDesk,
    edits: Sequence[TranslationEdit],
    facts: dict[str, Any],
) -> list[ExportedFile]:
    """Keep the edits of this language in the layer, note it in the custody log, and make the files
    anew that show subtitles.

    Args:
        case: the output folder, open.
        desk: the subtitles.
        edits: all of this language.
        facts: what the entry of the log has about the change.

    Raises:
        NotOursError, OSError: a file cannot be written.
    """
    others = [one for one in desk.layer.translations if one.language != desk.language]
    layer = replace(desk.layer, translations=[*others, *edits])
    kept = keep_layer(case, desk.finished, layer, desk.by, facts)
    return [kept, *remake(case, desk.finished, desk.finished.subtitles)]


def facts_of(edits: Sequence[TranslationEdit], *, undone: bool) -> dict[str, Any]:
    """What the custody log has about edits."""
    return {"undone" if undone else "translations": [asdict(one) for one in edits]}
