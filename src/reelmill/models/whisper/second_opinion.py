"""Which windows are heard a second time, because two texts are nearly equally likely, and which of
both texts is kept.

The same sound 10 ms later falls on other frames, and where Whisper is undecided it often writes
another text. That of the two is kept which is likelier by both hearings together: a product of
experts that err apart (Hinton 2002). Measured in docs/benchmarks.md, "Recognition".
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from reelmill.models.whisper.decoding import DecodingOptions, Hypothesis, is_silence, needs_fallback

#: The second hearing begins so many frames (10 ms) later.
LATER = 1
#: A text is heard again whose log probability is not this far ahead of the next best: a fifth to a
#: third of all windows.
_CLOSE = 0.1
#: The other text takes its place if it is likelier by this, both hearings taken together (log
#: probability). By less it is a matter of chance.
LIKELIER = 1.0
#: The other text has nearly all the letters of the first: the likelihood of a text says nothing
#: about what it leaves out.
_NEARLY_ALL = 0.9


def is_close(hypothesis: Hypothesis, options: DecodingOptions) -> bool:
    """Whether the window is to be heard again."""
    return (
        options.gives_second_opinion
        and hypothesis.lead < _CLOSE
        and bool(hypothesis.text)
        and not is_silence(hypothesis, options)
    )


def is_rival(other: Hypothesis, first: Hypothesis, options: DecodingOptions) -> bool:
    """Whether the text of the second hearing may take the place of the first."""
    return (
        other.text != first.text
        and not needs_fallback(other, options)
        and _letters(other.text) >= _NEARLY_ALL * _letters(first.text)
    )


def logprob(probabilities: Sequence[float]) -> float:
    """The log probability of a text, from those of its tokens."""
    return sum(math.log(max(one, 1e-9)) for one in probabilities)


def _letters(text: str) -> int:
    return sum(letter.isalnum() for letter in text)
