"""Sentences that Whisper writes although nobody says them, and the evidence for and against
them."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from functools import lru_cache

from reelmill.artifacts import RecognizedWindow, Segment
from reelmill.core.paths import ASSETS
from reelmill.models.whisper.prompts import says
from reelmill.stages.speech.doubts import LOW_LOGPROB, letters, mean_logprob

_FILE = ASSETS / "phantoms.txt"
_ALONE = "alone "
#: Phantoms make up at least this share of a text's letters.
_SHARE = 0.85
#: People say no fewer and no more letters a second, not even in a hurry; in a word or two that
#: does not show, and a second is what speech has around it.
_SLOWEST, _FASTEST = 3.0, 30.0
_SHORT_SECONDS, _AROUND = 3.0, 1.0
#: A phantom with fewer letters may be a part of other words.
_LONG = 8


def phantoms_in(window: RecognizedWindow) -> list[Segment]:
    """The segments of a window that are made of phantoms; of words that are common as well only
    where the window says nothing else."""
    everywhere, alone = _known()
    text = _letters(" ".join(segment.text for segment in window.segments))
    both = everywhere | alone
    known = both if _is_made_of(text, both) else everywhere
    return [one for one in window.segments if _is_made_of(_letters(one.text), known)]


def is_borne_out(phantom: Segment, again: Sequence[Segment] | None, seconds: float) -> bool:
    """Whether the sound says a phantom too.

    Args:
        phantom: as it was first recognized.
        again: what was recognized in its stretch of sound alone; None where nobody listened again.
        seconds: of speech in that stretch.
    """
    said = letters(phantom.text)
    if phantom.avg_logprob < LOW_LOGPROB or said > _FASTEST * seconds:
        return False
    if seconds >= _SHORT_SECONDS and said < _SLOWEST * (seconds - _AROUND):
        return False
    if again is None:
        return True
    text = " ".join(segment.text for segment in again)
    return says(text, phantom.text) and mean_logprob(again) >= LOW_LOGPROB


@lru_cache(maxsize=256)
def _is_made_of(text: str, known: frozenset[str]) -> bool:
    """Whether a text consists of one or several phantoms and hardly anything else. A window is
    looked at several times."""
    if text in known:
        return True
    rest = text
    for phantom, sign in _longest_first(known):
        if sign in rest:
            rest = rest.replace(phantom, "")
    return bool(text) and len(rest) <= (1 - _SHARE) * len(text)


@lru_cache(maxsize=4)
def _longest_first(known: frozenset[str]) -> list[tuple[str, str]]:
    """Phantoms, and what has to be in a text for them to count: short ones have to be repeated."""
    found = sorted(known, key=lambda phantom: (-len(phantom), phantom))
    return [(one, one if len(one) >= _LONG else one * 2) for one in found]


@lru_cache(maxsize=1)
def _known() -> tuple[frozenset[str], frozenset[str]]:
    """The phantoms of all languages by their letters: those that are looked at everywhere, and
    those that have to stand alone."""
    everywhere: set[str] = set()
    alone: set[str] = set()
    for line in _FILE.read_text(encoding="utf-8").splitlines():
        language, tab, sentence = line.partition("\t")
        if tab and not line.startswith("#"):
            (alone if language.startswith(_ALONE) else everywhere).add(_letters(sentence))
    return frozenset(everywhere), frozenset(alone)


def _letters(text: str) -> str:
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(letter for letter in folded if letter.isalnum())
