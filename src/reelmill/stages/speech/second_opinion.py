"""Windows that are heard again with what was said around them: which, and which text is kept.

With the text around it as its prompt, Whisper writes the words of a recording more alike ("pbx",
"usuarios" instead of "pbi es", "us varios"), and is led astray now and then: the second text is
taken where it is likelier than the first. Measured in docs/benchmarks.md, "Recognition".
"""

from __future__ import annotations

from collections.abc import Sequence

from reelmill.artifacts import RecognizedWindow
from reelmill.models.whisper.prompts import says
from reelmill.stages.speech.doubts import letters, letters_of, mean_logprob
from reelmill.stages.speech.phantoms import phantoms_in

#: A window whose text has a mean log probability below this is heard again: about half of them.
#: Each costs as much as the first hearing.
_UNSURE = -0.14
#: Text around a window helps from so many letters on; more than so many characters do not fit into
#: its prompt.
_FEWEST_LETTERS, _MOST_CHARACTERS = 120, 400
#: Both texts have about as many letters: the likelihood of a text says nothing about what it
#: leaves out, nor about what it repeats of its prompt.
_ABOUT_AS_MANY = 0.1


def is_unsure(window: RecognizedWindow) -> bool:
    """Whether a second opinion may help."""
    return bool(window.segments) and mean_logprob(window.segments) < _UNSURE


def text_around(number: int, windows: Sequence[RecognizedWindow]) -> str:
    """What was said before a window, in its language; at the beginning of a recording what is said
    after it stands before that. Nothing if it is little."""
    language = windows[number].language
    nearest_first = (*reversed(windows[:number]), *reversed(windows[number + 1 :]))
    said = ""
    for window in nearest_first:
        if window.language != language:
            continue
        said = f"{' '.join(one.text.strip() for one in window.segments)} {said}".strip()
        if len(said) >= _MOST_CHARACTERS:
            break
    return said[-_MOST_CHARACTERS:] if letters(said) >= _FEWEST_LETTERS else ""


def is_preferred(again: RecognizedWindow, window: RecognizedWindow) -> bool:
    """Whether the second text takes the place of the first: likelier, about as long, and of the
    same words for the most part."""
    now, before = letters_of(again.segments), letters_of(window.segments)
    return (
        bool(again.segments)
        and abs(now - before) <= _ABOUT_AS_MANY * before
        and mean_logprob(again.segments) > mean_logprob(window.segments)
        and says(_text(again), _text(window))
        and not phantoms_in(again)
    )


def _text(window: RecognizedWindow) -> str:
    return " ".join(segment.text for segment in window.segments)
