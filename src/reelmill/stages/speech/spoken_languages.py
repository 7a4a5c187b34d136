"""Decides the language of each window of a recording, taking its neighbours into account."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

from reelmill.artifacts import RecognizedWindow
from reelmill.models.whisper.languages import UNDETERMINED
from reelmill.stages.speech.doubts import mean_logprob

#: A single window decides for a language from this probability; a short one needs a higher one.
_SURE, _SURE_IF_SHORT = 0.8, 0.95
_SHORT_SECONDS = 3.0
#: Two windows in a row decide from this probability.
_LIKELY = 0.5
#: With less speech than this, the text must be likely too.
_LITTLE_SECONDS = 10.0
_LIKELY_TEXT = -0.7
#: Below this probability another language may be spoken in a part of the window, if one is as
#: probable as the second number or the text is less likely than the third.
_CERTAIN, _PERHAPS, _UNLIKELY_TEXT = 0.9, 0.05, -0.5
#: In a recording of which windows are sure of different languages: below this one.
_CERTAIN_AMONG_SEVERAL = 0.98


def languages_of(windows: Sequence[RecognizedWindow], allowed: Sequence[str] = ()) -> list[str]:
    """The language of each window, with hysteresis: another one is taken when a window is sure of
    it, or two in a row find it likelier than not; else that of the window before goes on.

    Args:
        windows: of one recording, in order.
        allowed: the languages that may be spoken; any, if there are none.
    """
    if len(allowed) == 1:
        return [allowed[0] for _ in windows]
    heard = [probabilities(window, allowed) for window in windows]
    best = [
        max(one, key=lambda code: one[code], default=window.language)
        for window, one in zip(windows, heard, strict=True)
    ]
    current = _first(windows, heard, best)
    found = []
    for index, (language, one) in enumerate(zip(best, heard, strict=True)):
        if language != current and (
            _decides(windows[index], one.get(language, 0.0))
            or (
                one.get(language, 0.0) >= _LIKELY
                and index + 1 < len(windows)
                and best[index + 1] == language
                and heard[index + 1][language] >= _LIKELY
            )
        ):
            current = language
        found.append(current)
    return found


def probabilities(window: RecognizedWindow, allowed: Sequence[str]) -> dict[str, float]:
    """A window's languages, only the allowed ones if any are given. They add up to 1."""
    if not allowed:
        return window.languages
    kept = {code: window.languages.get(code, 0.0) for code in allowed}
    total = sum(kept.values())
    return {code: probability / total for code, probability in kept.items()} if total else kept


def is_sure(probability: float, seconds: float) -> bool:
    """Whether this much speech decides for a language on its own."""
    return probability >= (_SURE if seconds >= _SHORT_SECONDS else _SURE_IF_SHORT)


def _decides(window: RecognizedWindow, probability: float) -> bool:
    """Whether a window decides for its language: it is sure of it, and where it is short its text
    is likely in it."""
    if not is_sure(probability, window.seconds):
        return False
    return window.seconds >= _LITTLE_SECONDS or mean_logprob(window.segments) >= _LIKELY_TEXT


def main_language(
    windows: Sequence[RecognizedWindow], languages: Sequence[str]
) -> tuple[str, float]:
    """The language of most of the speech, and its mean probability in the windows it was found in.

    `und` and 0 without speech.
    """
    if not windows:
        return UNDETERMINED, 0.0
    seconds: dict[str, float] = {}
    for window, language in zip(windows, languages, strict=True):
        seconds[language] = seconds.get(language, 0.0) + window.seconds
    main = max(seconds, key=lambda code: (seconds[code], code))
    certain = sum(
        window.seconds * window.languages.get(main, 0.0)
        for window, language in zip(windows, languages, strict=True)
        if language == main
    )
    return main, certain / seconds[main]


def sure_languages(windows: Sequence[RecognizedWindow], allowed: Sequence[str] = ()) -> set[str]:
    """The languages of which a window of the recording is sure."""
    found = set()
    for window in windows:
        for code, probability in probabilities(window, allowed).items():
            if is_sure(probability, window.seconds):
                found.add(code)
    return found


def perhaps_mixed(
    windows: Sequence[RecognizedWindow], languages: Sequence[str], allowed: Sequence[str] = ()
) -> set[int]:
    """The numbers of windows in which more than one language may be spoken.

    Those beside a change of language, for it will hardly be at their border; and those that are
    not nearly certain of theirs, of which more has to be asked where there are several.
    """
    if len(allowed) == 1:
        return set()
    found: set[int] = set()
    for index, (one, other) in enumerate(pairwise(languages)):
        if one != other:
            found.update((index, index + 1))
    several = len(sure_languages(windows, allowed)) > 1
    for index, (window, language) in enumerate(zip(windows, languages, strict=True)):
        heard = probabilities(window, allowed)
        if several and heard.get(language, 0.0) < _CERTAIN_AMONG_SEVERAL:
            found.add(index)
        if not window.segments or not heard or heard.get(language, 0.0) >= _CERTAIN:
            continue
        second = max((heard[code] for code in heard if code != language), default=0.0)
        if second >= _PERHAPS or mean_logprob(window.segments) < _UNLIKELY_TEXT:
            found.add(index)
    return found


def _first(
    windows: Sequence[RecognizedWindow], heard: Sequence[Mapping[str, float]], best: Sequence[str]
) -> str:
    """The language to start with: the first of which a window is sure, else the likeliest
    overall."""
    for window, one, language in zip(windows, heard, best, strict=True):
        if _decides(window, one.get(language, 0.0)):
            return language
    total: dict[str, float] = {}
    for window, one in zip(windows, heard, strict=True):
        for code, probability in one.items():
            total[code] = total.get(code, 0.0) + window.seconds * probability
    return max(total, key=lambda code: total[code], default=next(iter(best), UNDETERMINED))
