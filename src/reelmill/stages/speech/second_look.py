"""Decides which windows are recognized again, and which of the two results is kept."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from reelmill.artifacts import RecognizedWindow, Segment
from reelmill.stages.speech.doubts import (
    LOW_LOGPROB,
    is_doubtful,
    letters_of,
    mean_logprob,
    usual_pace,
)
from reelmill.stages.speech.left_out import stretch_of, without_unspoken
from reelmill.stages.speech.phantoms import phantoms_in
from reelmill.stages.speech.second_opinion import is_preferred, is_unsure, text_around
from reelmill.stages.speech.spoken_languages import (
    is_sure,
    languages_of,
    perhaps_mixed,
    probabilities,
    sure_languages,
)
from reelmill.stages.speech.windows import Pieces, grouped
from reelmill.stages.speech.wordless import filled, wordless
from reelmill.stages.speech.wordless import stretch_of as wordless_stretch

#: Seconds of speech in which a language is detected again: enough to be sure of it.
_LANGUAGE_SECONDS = 4.0
#: Length in seconds of the parts in which an uncertain window is recognized again: a sentence or
#: two.
_DOUBT_SECONDS = 8.0
#: A second text is taken that has so many times the letters and is not less likely by more than
#: this; or that is likelier by this and has nearly all the letters.
_MORE, _LESS_LIKELY = 1.2, 0.2
_LIKELIER, _NEARLY_ALL = 0.05, 0.9
#: From this mean log probability of its tokens, a text in a newly found language is accepted.
_LIKELY_TEXT = -0.6
#: For a language of which other windows of the recording are sure, this probability is enough.
_ENOUGH = 0.5


@dataclass(frozen=True)
class SecondLook:
    """Window number `window` is listened to again: `language`, as a whole in another language;
    `mixed`, in `parts`, each in the language that is heard there; `doubtful`, in parts, because its
    text is unlikely or too short for so much speech; `opinion`, as a whole with what was `said`
    around it, because its text is not quite sure; `phantom`, in the stretches of segments that
    Whisper is known to write where nobody says them."""

    window: int
    reason: Literal["language", "mixed", "doubtful", "wordless", "opinion", "phantom"]
    parts: tuple[Pieces, ...]
    languages: tuple[str, ...]
    said: str = ""


def second_looks(
    windows: Sequence[RecognizedWindow],
    allowed: Sequence[str] = (),
    temperature: float = 0.0,
    *,
    padding: float = 0.0,
    opinions: bool = False,
) -> list[SecondLook]:
    """What is to be listened to again; the same for the same windows.

    Args:
        windows: of one recording, in order, as they were first recognized.
        allowed: the languages that may be spoken; any, if there are none.
        temperature: of the first step of recognition.
        padding: seconds around speech in the pieces of windows, in which nobody speaks.
        opinions: whether windows that are not quite sure are heard again with what was said around
            them.
    """
    decided = languages_of(windows, allowed)
    mixed = perhaps_mixed(windows, decided, allowed)
    pace = usual_pace(windows)
    looks = []
    for number, (window, language) in enumerate(zip(windows, decided, strict=True)):
        whole = tuple((piece.start, piece.end) for piece in window.pieces)
        parts = tuple(grouped(whole, _LANGUAGE_SECONDS))
        phantoms = phantoms_in(window) if language == window.language else []
        # Filling a window would part its phantoms from what was heard of them alone.
        gaps = wordless(window, padding) if language == window.language and not phantoms else []
        if number in mixed and len(parts) > 1:
            looks.append(SecondLook(number, "mixed", parts, tuple(allowed)))
        elif language != window.language:
            looks.append(SecondLook(number, "language", (whole,), (language,)))
        elif is_doubtful(window, pace, temperature):
            parts = tuple(grouped(whole, _DOUBT_SECONDS))
            looks.append(SecondLook(number, "doubtful", parts, (language,)))
        elif (
            opinions
            and not gaps
            and is_unsure(window)
            and not phantoms
            and (said := text_around(number, windows))
        ):
            looks.append(SecondLook(number, "opinion", (whole,), (language,), said))
        if gaps and number not in mixed:
            stretches = tuple(wordless_stretch(gap, window) for gap in gaps)
            looks.append(SecondLook(number, "wordless", stretches, (language,)))
        if phantoms and number not in mixed:
            stretches = tuple(stretch_of(segment, window) for segment in phantoms)
            looks.append(SecondLook(number, "phantom", stretches, (language,)))
    return looks


def after_second_looks(
    windows: Sequence[RecognizedWindow],
    looks: Iterable[SecondLook],
    heard: Iterator[RecognizedWindow],
    allowed: Sequence[str] = (),
    temperature: float = 0.0,
    *,
    padding: float = 0.0,
) -> list[RecognizedWindow]:
    """The windows, some replaced by what was heard of them, or of their parts, the second time.

    Args:
        windows: as for `second_looks`.
        looks: what that gave.
        heard: what was recognized in the parts of all looks, in order.
        allowed, temperature, padding: as for `second_looks`.
    """
    again: dict[int, dict[str, list[RecognizedWindow]]] = {}
    for look in looks:
        again.setdefault(look.window, {})[look.reason] = [next(heard) for _ in look.parts]
    decided = languages_of(windows, allowed)
    known = sure_languages(windows, allowed)
    pace = usual_pace(windows)
    found: list[RecognizedWindow] = []
    for number, (window, language) in enumerate(zip(windows, decided, strict=True)):
        parts = again.get(number, {})
        if "language" in parts:
            chosen = parts["language"]
        elif "mixed" in parts:
            chosen = [_part(part, window, language, known, allowed) for part in parts["mixed"]]
            # A window with a single language is recognized better as a whole.
            one = {part.language for part in chosen} <= {window.language}
            chosen = (
                [window] if one and not _is_better(chosen, window, pace, temperature) else chosen
            )
        elif "doubtful" in parts and _is_better(parts["doubtful"], window, pace, temperature):
            chosen = parts["doubtful"]
        elif "wordless" in parts:
            chosen = [filled(window, wordless(window, padding), parts["wordless"])]
        elif "opinion" in parts and is_preferred(parts["opinion"][0], window):
            chosen = parts["opinion"]
        else:
            chosen = [window]
        found += [
            without_unspoken(one, parts.get("phantom") if one is window else None) for one in chosen
        ]
    return found


def _is_better(
    parts: Sequence[RecognizedWindow], window: RecognizedWindow, pace: float, temperature: float
) -> bool:
    """Whether what was heard in parts is to take the place of a window's text: likely, and more of
    it, or nearly as much and likelier."""
    segments = [segment for part in parts for segment in part.segments]
    if not segments or not is_doubtful(window, pace, temperature):
        return False
    now, before = letters_of(segments), letters_of(window.segments)
    likely = mean_logprob(segments)
    was = mean_logprob(window.segments) if window.segments else LOW_LOGPROB
    if now >= _MORE * before:
        return likely >= max(was - _LESS_LIKELY, LOW_LOGPROB)
    return now >= _NEARLY_ALL * before and likely >= was + _LIKELIER


def _part(
    part: RecognizedWindow,
    window: RecognizedWindow,
    language: str,
    known: set[str],
    allowed: Sequence[str],
) -> RecognizedWindow:
    """A part as it was heard alone; in a language that is not to be believed, as it was heard in
    the whole window."""
    before = _within(window, part)
    heard = probabilities(part, allowed)
    if part.language in (window.language, language) or _believed(part, heard, known):
        return part
    return replace(part, language=window.language, segments=before)


def _believed(part: RecognizedWindow, heard: Mapping[str, float], known: set[str]) -> bool:
    probability = heard.get(part.language, 0.0)
    if part.language in known:
        return probability >= _ENOUGH
    return is_sure(probability, part.seconds) and mean_logprob(part.segments) >= _LIKELY_TEXT


def _within(window: RecognizedWindow, part: RecognizedWindow) -> list[Segment]:
    """The segments of a window whose middle is in a part of it."""
    start, end = part.pieces[0].start, part.pieces[-1].end
    return [one for one in window.segments if start <= (one.start + one.end) / 2 < end]
