"""Findings about the languages of a recording, for its reader."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from reelmill.artifacts import Finding, RecognizedWindow
from reelmill.models.whisper.languages import language_name
from reelmill.models.whisper.spec import WhisperSpec
from reelmill.stages.speech.doubts import mean_logprob
from reelmill.stages.speech.spoken_languages import main_language

#: Below this mean probability a language is uncertain.
_GUESS = 0.5
#: From this probability a window contradicts the given language.
_CONTRADICTS = 0.9
_SHORTEST = 5.0
#: Of an English-only model's texts: a mean log probability of a token below which they are hardly
#: English speech. With tiny.en four English recordings have -0.19 to -0.39, six in five other
#: languages -0.89 to -1.32.
_HARDLY_ENGLISH = -0.65


def language_findings(
    windows: Sequence[RecognizedWindow],
    language: str,
    allowed: Sequence[str],
    model: WhisperSpec,
) -> list[Finding]:
    """Several languages, a language that is a guess, one that contradicts what was given, and
    what an English-only model cannot know.

    Args:
        windows: as the transcript has them, a channel after the other.
        language: the recording's main one.
        allowed: the languages given.
        model: what recognized them.
    """
    if not any(window.segments for window in windows):
        return []
    if not model.multilingual:
        return [*_english_only(windows, allowed, model)]
    if len(allowed) == 1:
        return [*_contradicting(windows, allowed[0])]
    return [*_several(windows), *_guessed(windows, language)]


def _several(windows: Sequence[RecognizedWindow]) -> Iterator[Finding]:
    """Where each language is spoken, if there are several."""
    if len({window.language for window in windows}) < 2:
        return
    for (code, channel), group in groupby(windows, key=lambda one: (one.language, one.channel)):
        start, end = _times(list(group))
        where = "" if channel is None else f" in {channel}"
        yield Finding("language", start, end, text=f"{language_name(code)} ({code}){where}")


def _guessed(windows: Sequence[RecognizedWindow], language: str) -> Iterator[Finding]:
    _, probability = main_language(windows, [window.language for window in windows])
    if probability >= _GUESS:
        return
    text = (
        f"the language is uncertain: {language_name(language)} ({language}) with probability "
        f"{probability:.2f}; set it with --language"
    )
    yield Finding("language", score=probability, text=text, severity="warning")


def _contradicting(windows: Sequence[RecognizedWindow], given: str) -> Iterator[Finding]:
    """Stretches that sound like a language other than the given one."""

    def other(window: RecognizedWindow) -> str | None:
        code = max(window.languages, key=lambda code: window.languages[code], default=given)
        sure = window.languages.get(code, 0.0) >= _CONTRADICTS and window.seconds >= _SHORTEST
        return code if sure and code != given else None

    for (code, _), group in groupby(windows, key=lambda one: (other(one), one.channel)):
        if code is None:
            continue
        start, end = _times(list(group))
        text = (
            f"sounds like {language_name(code)} ({code}), but was recognized as "
            f"{language_name(given)}, as --language says"
        )
        yield Finding("language", start, end, text=text, severity="warning")


def _english_only(
    windows: Sequence[RecognizedWindow], allowed: Sequence[str], model: WhisperSpec
) -> Iterator[Finding]:
    """Findings for an English-only model, which turns everything it hears into English."""

    def hardly(window: RecognizedWindow) -> bool:
        return bool(window.segments) and mean_logprob(window.segments) < _HARDLY_ENGLISH

    found = False
    for (doubtful, channel), group in groupby(windows, key=lambda one: (hardly(one), one.channel)):
        stretch = list(group)
        if not doubtful or sum(window.seconds for window in stretch) < _SHORTEST:
            continue
        found = True
        start, end = _times(stretch)
        where = "" if channel is None else f" in {channel}"
        text = (
            f"this is hardly English{where}, and the model {model.name} knows English only: use a "
            "multilingual --model, such as base"
        )
        yield Finding("language", start, end, text=text, severity="warning")
    if not found and not allowed:
        text = (
            f"assumed to be English, because the model {model.name} knows nothing else; "
            "--language en confirms it"
        )
        yield Finding("language", text=text)


def _times(windows: Sequence[RecognizedWindow]) -> tuple[float, float]:
    return windows[0].pieces[0].start, windows[-1].pieces[-1].end
