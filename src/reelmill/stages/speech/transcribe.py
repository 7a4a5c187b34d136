"""The transcript of a recording: the first recognition, with uncertain windows recognized again."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Protocol

from reelmill.artifacts import (
    Artifact,
    Audio,
    Finding,
    Recognition,
    RecognizedWindow,
    Segment,
    Speech,
    Transcript,
)
from reelmill.artifacts.speech import in_time_order
from reelmill.engine.stage import Inputs, ModelStage, StageContext, setting
from reelmill.media.audio.samples import open_samples
from reelmill.models.whisper.decoding import DecodingOptions
from reelmill.models.whisper.languages import language_name
from reelmill.models.whisper.spec import WhisperSpec
from reelmill.models.whisper.whisper import Whisper
from reelmill.stages.speech.doubt_findings import doubt_findings
from reelmill.stages.speech.empty import empty_result
from reelmill.stages.speech.language_findings import language_findings
from reelmill.stages.speech.recognize import SpeechWindow, recognized
from reelmill.stages.speech.second_look import SecondLook, after_second_looks, second_looks
from reelmill.stages.speech.spoken_languages import main_language
from reelmill.stages.speech.windows import features_of


class LanguageCheck(Protocol):
    """Later stages say which languages they cannot use."""

    def check(self, language: str) -> None:
        """Raise InputError for a language (a code of Whisper's) that cannot be used."""


@dataclass(frozen=True)
class Transcribe(ModelStage[SpeechWindow, RecognizedWindow]):
    """Decides the language of each window, and recognizes windows again that were decoded in
    another language, or in which several may be spoken. With a `second_opinion` those that are not
    quite sure are heard again with what was said around them.

    Raises:
        InputError: `usable` refuses the recording's language.
    """

    name: ClassVar[str] = "transcribe"
    version: ClassVar[int] = 15
    display_name = "Checking languages and doubtful text"
    commands = ("voice", "subtitle", "faces")
    models = ("model",)
    needs = (Audio, Speech, Recognition)
    produces: ClassVar[type[Artifact]] = Transcript

    model: WhisperSpec
    languages: tuple[str, ...] = ()
    options: DecodingOptions = field(default_factory=DecodingOptions)
    cut_at_pauses: bool = False
    second_opinion: bool = False
    #: The part of the prompts that does not fit before a window, in plain words.
    left_out: tuple[str, ...] = setting((), affects_result=False)
    usable: LanguageCheck | None = setting(None, affects_result=False)

    def split(self, context: StageContext, inputs: Inputs) -> Iterator[SpeechWindow]:
        padding = inputs[Speech].padding
        for channel, audio in inputs[Audio].sounds():
            looks = self._looks(inputs[Recognition].of(channel), padding)
            samples = open_samples(context.folder, audio) if looks else None
            for look in looks:
                for pieces in look.parts:
                    assert samples is not None
                    features = features_of(samples, pieces, self.model)
                    yield SpeechWindow(
                        features, look.languages, pieces, padding, channel, look.said
                    )

    @property
    def inferring(self) -> Any:
        return (self.options, self.cut_at_pauses)

    def infer(self, model: Whisper, batch: Sequence[SpeechWindow]) -> list[RecognizedWindow]:
        return recognized(model, batch, self.options, self.cut_at_pauses)

    def merge(
        self, context: StageContext, inputs: Inputs, outputs: Iterator[RecognizedWindow]
    ) -> Transcript:
        speech = inputs[Speech]
        windows: list[RecognizedWindow] = []
        for channel, _ in inputs[Audio].sounds():
            heard = inputs[Recognition].of(channel)
            looks = self._looks(heard, speech.padding)
            windows += after_second_looks(
                heard,
                looks,
                outputs,
                self.languages,
                self.options.temperature,
                padding=speech.padding,
            )
        language, probability = self._main_language(windows)
        if self.usable is not None and windows:
            self.usable.check(language)
        written = self._written(language)
        segments = in_time_order(
            replace(
                segment,
                language=None if self._written(window.language) == written else window.language,
                channel=window.channel,
                speaker=window.channel,
            )
            for window in windows
            for segment in window.segments
        )
        return Transcript(
            language=written,
            language_probability=probability,
            model=self.model.name,
            duration=speech.duration,
            speech_seconds=speech.seconds,
            segments=segments,
            findings=[
                *inputs[Audio].problems,
                *(Finding("prompt", text=text, severity="warning") for text in self.left_out),
                *empty_result(speech.seconds, segments, speech.spans),
                *self._translated(language, segments),
                *self._drawn(segments),
                *language_findings(windows, language, self.languages, self.model),
                *doubt_findings(windows),
                *(one for window in windows for one in window.findings),
            ],
        )

    def _looks(self, heard: Sequence[RecognizedWindow], padding: float) -> list[SecondLook]:
        return second_looks(
            heard,
            self.languages,
            self.options.temperature,
            padding=padding,
            opinions=self.second_opinion,
        )

    def _written(self, spoken: str) -> str:
        """The language of the text."""
        return self.options.language_of(spoken)

    def _translated(self, spoken: str, segments: Sequence[Segment]) -> Iterator[Finding]:
        """That the text is a translation."""
        if self.options.task == "translate" and segments:
            text = f"translated into English by the recognizer; spoken: {language_name(spoken)}"
            yield Finding("translated", text=text)

    def _drawn(self, segments: Sequence[Segment]) -> Iterator[Finding]:
        """That chance had a part in the text."""
        if self.options.temperature and segments:
            text = f"at temperature {self.options.temperature:g}, not the likeliest text"
            yield Finding("drawn at random", text=text)

    def _main_language(self, windows: Sequence[RecognizedWindow]) -> tuple[str, float]:
        """The recording's language and its probability; NaN if the model knows only one."""
        if len(self.languages) == 1:
            return self.languages[0], 1.0
        language, probability = main_language(windows, [one.language for one in windows])
        return language, probability if self.model.multilingual or not windows else math.nan
