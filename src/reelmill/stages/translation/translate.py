"""Translate: translate sentences into other languages without losing any."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from reelmill.artifacts import Artifact, Sentence, Sentences, TranslatedSentence, Translations
from reelmill.engine.stage import Inputs, ModelStage, StageContext
from reelmill.errors import InputError
from reelmill.models.translation.flores import (
    find_flores,
    flores_code,
    short_code,
    unknown_language,
)
from reelmill.models.translation.nllb import Nllb, NllbSpec, SearchOptions, SourceText
from reelmill.stages.translation.glossary import Glossary
from reelmill.stages.translation.quality_checks import has_words
from reelmill.stages.translation.retries import Rendering, render

#: The approximate number of letters in a token: where letters are syllables or words, and
#: elsewhere.
_LETTERS_PER_TOKEN = {"wide": 1.7, "narrow": 4.0}
_WIDE_FROM = "\u1100"


@dataclass(frozen=True)
class SentenceItem:
    """One sentence to translate into one language (FLORES-200 codes; `target` is the user's code).

    `cost` is in tokens, estimated from the letters: the tokenizer of a large model would take
    more memory in every CPU worker than all the sentences.
    """

    index: int
    target: str
    text: SourceText

    @property
    def cost(self) -> float:
        wide = sum(letter >= _WIDE_FROM for letter in self.text.text)
        narrow = len(self.text.text) - wide
        per = _LETTERS_PER_TOKEN
        return round(2 + wide / per["wide"] + narrow / per["narrow"], 1)


@dataclass(frozen=True)
class RenderedItem:
    """The translation of a sentence, with its index."""

    index: int
    target: str
    rendering: Rendering


@dataclass(frozen=True)
class Translate(ModelStage[SentenceItem, RenderedItem]):
    """Translates the sentences of a recording by NLLB; each target gets a line for every sentence.

    A sentence without words is kept, as are all sentences if source and target are the same
    language. `targets` are language codes as users give them, and the keys of the result.

    Raises:
        InputError: the translator does not support the recording's language or this direction.
        UsageError: a target is not a language of NLLB.
    """

    name: ClassVar[str] = "translate"
    version: ClassVar[int] = 2
    display_name = "Translating"
    commands = ("subtitle",)
    models = ("translator",)
    needs = (Sentences,)
    produces: ClassVar[type[Artifact]] = Translations

    model: NllbSpec
    targets: tuple[str, ...] = ("ko",)
    glossary: Glossary = field(default_factory=Glossary)
    beam_size: int = 4

    def split(self, context: StageContext, inputs: Inputs) -> Iterator[SentenceItem]:
        sentences = inputs[Sentences]
        wanted = [
            (index, sentences.language_of(sentence), sentence.text.strip())
            for index, sentence in enumerate(sentences.sentences)
            if has_words(sentence.text)
        ]
        if not wanted:
            return
        for code in self.targets:
            directions = self._directions(sentences, code)
            for index, language, text in wanted:
                source, target = directions.get(language) or ("", "")
                if source != target:
                    yield SentenceItem(index, code, SourceText(text, source, target))

    def _directions(self, sentences: Sentences, code: str) -> dict[str, tuple[str, str]]:
        """The FLORES-200 codes of each spoken language and of a target, without the further
        languages that the translator cannot translate.

        Raises:
            InputError: it cannot translate the main language.
        """
        found = {sentences.language: direction(self.model, sentences.language, code)}
        for language in dict.fromkeys(map(sentences.language_of, sentences.sentences)):
            with contextlib.suppress(InputError):
                found[language] = direction(self.model, language, code)
        return found

    @property
    def inferring(self) -> Any:
        return (self.beam_size, self.glossary)

    def infer(self, model: Nllb, batch: Sequence[SentenceItem]) -> list[RenderedItem]:
        options = SearchOptions(beam_size=self.beam_size)
        renderings = render(model, [item.text for item in batch], self.glossary, options)
        return [
            RenderedItem(item.index, item.target, rendering)
            for item, rendering in zip(batch, renderings, strict=True)
        ]

    def merge(
        self, context: StageContext, inputs: Inputs, outputs: Iterator[RenderedItem]
    ) -> Translations:
        sentences = inputs[Sentences]
        targets = {code: self._plain_lines(sentences, code) for code in self.targets}
        notes = []
        for output in outputs:
            targets[output.target][output.index] = output.rendering.sentence
            notes += [
                f"{output.target}, sentence {output.index + 1}: {note}"
                for note in output.rendering.notes
            ]
        return Translations(
            source=sentences.language, model=self.model.name, targets=targets, notes=notes
        )

    def _plain_lines(self, sentences: Sentences, code: str) -> list[TranslatedSentence]:
        """A line for every sentence, for use where no model is needed."""
        directions = self._directions(sentences, code) if sentences.sentences else {}
        return [self._plain(sentences, one, code, directions) for one in sentences.sentences]

    def _plain(
        self,
        sentences: Sentences,
        sentence: Sentence,
        code: str,
        directions: Mapping[str, tuple[str, str]],
    ) -> TranslatedSentence:
        language, text = sentences.language_of(sentence), sentence.text.strip()
        if language not in directions and has_words(text):
            reason = f"translator {self.model.name!r} cannot translate {language} to {code}"
            return TranslatedSentence(text, "kept", None, reason)
        same = find_flores(language) == find_flores(code)
        reason = f"it is in {code} already" if same else "it contains no words"
        return TranslatedSentence(text, "translated", None, reason)


@dataclass(frozen=True)
class Directions:
    """What a translator will be asked for, known before anything is recognized."""

    model: NllbSpec
    targets: tuple[str, ...]

    def check(self, language: str) -> None:
        """Raise InputError if speech in `language` cannot be translated."""
        for code in self.targets:
            direction(self.model, language, code)


def direction(model: NllbSpec, language: str, code: str) -> tuple[str, str]:
    """FLORES-200 codes of a recording's language and of a target.

    Raises:
        InputError: the translator does not have the language, or was not made for the direction.
        UsageError: the target is not one of NLLB's languages.
    """
    source, target = find_flores(language), flores_code(code, "target language")
    if source is None:
        raise InputError(
            f"the recording's language {language!r} cannot be translated: "
            f"{unknown_language(language)}; set the language with --from"
        )
    if source == target or model.directions is None or (source, target) in model.directions:
        return source, target
    known = ", ".join(
        f"{short_code(one)} to {short_code(other)}" for one, other in model.directions
    )
    raise InputError(
        f"translator {model.name!r} cannot translate {short_code(source)} to "
        f"{short_code(target)}, only {known}; use another --translator, such as "
        "nllb-200-distilled-600M"
    )
