"""CorrectTranslations: the translations as people corrected them."""

from __future__ import annotations

from dataclasses import dataclass, field

from reelmill.artifacts import (
    CorrectedTranslations,
    Finding,
    Sentences,
    TranslatedSentence,
    Translations,
)
from reelmill.artifacts.corrected_translations import correct_translations
from reelmill.artifacts.corrections import CorrectionLayer, TranslationEdit
from reelmill.core.recording import Recording
from reelmill.engine.stage import FileStage, Inputs, StageContext, exactly
from reelmill.errors import InputError
from reelmill.report.wording import clock
from reelmill.stages.transcript.layers import Layers, short


@dataclass(frozen=True)
class CorrectTranslations(FileStage):
    """Puts the corrections of people into the translations, before they are laid out. An edit that
    no longer fits is left out, and told as a finding."""

    name = "correct-translations"
    version = 1
    display_name = "Correcting translations"
    commands = ("subtitle",)
    needs = (Sentences, exactly(Translations))
    produces = CorrectedTranslations
    corrected = True

    #: What people corrected; part of the key of each recording by itself.
    layers: Layers = field(default_factory=Layers, metadata={"affects_result": False})

    def own_key(self, recording: Recording) -> str:
        return self.layers.translations_key(recording.name)

    def run(self, context: StageContext, inputs: Inputs) -> CorrectedTranslations:
        machine = inputs[Translations]
        edits, findings = self._edits(context)
        targets: dict[str, list[TranslatedSentence]] = {}
        for language, translated in machine.targets.items():
            own = [edit for edit in edits if edit.language == language]
            sentences = inputs[Sentences].sentences
            targets[language], unfit = correct_translations(sentences, translated, own)
            findings += map(_told, unfit)
        return CorrectedTranslations(
            machine.source, machine.model, targets, machine.notes, findings=findings
        )

    def _edits(self, context: StageContext) -> tuple[list[TranslationEdit], list[Finding]]:
        """The edits of the recording, or why there are none."""
        layer: CorrectionLayer | None = None
        if self.layers.translations_key(context.recording.name):
            try:
                layer = self.layers.read_for(context.recording)
            except InputError as error:
                why = f"corrections were not applied: {error}"
                return [], [Finding("correction", text=why, severity="warning")]
        return ([] if layer is None else layer.translations), []


def _told(edit: TranslationEdit) -> Finding:
    text = (
        f"a correction of the {edit.language} subtitles at {clock(edit.start)} no longer fits the "
        f"translation and was not applied: “{short(edit.was)}” → “{short(edit.now)}”"
    )
    return Finding("correction", edit.start, edit.end, text=text, severity="warning")
