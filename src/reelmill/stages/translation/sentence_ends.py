"""Recognize the end of a sentence by its mark, the form of its last word and the pause after it."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

#: Closing quotes and brackets may follow a mark.
_CLOSED = r"[」』）)\]】》〉\"'”’]*$"
_END_MARK = re.compile(rf"[。！？!?｡]{_CLOSED}")
_POINT = re.compile(rf"[.．]{_CLOSED}")
_DOTS = re.compile(rf"(…|\.\.\.?|‥|・・・)+{_CLOSED}")
_COMMA = re.compile(rf"[、,，;；:：—–-]{_CLOSED}")
#: The end of a quotation after which the sentence can continue.
_QUOTED = re.compile(r"[」』”’\"']$")
_GOES_ON = re.compile(r"(と|って|という|라고|하고|라는)")
_ABBREVIATION = re.compile(
    r"(?:^|\s)(?:mr|mrs|ms|dr|prof|st|vs|etc|no|jr|sr|inc|ltd|co|dept|approx|e\.g|i\.e|[a-z])\.$",
    re.IGNORECASE,
)

#: Forms of words that end a sentence, and of words after which it continues, where the script shows
#: them.
_FINAL = {
    "ja": re.compile(
        r"(です|ます|した|ません|ください|でしょう|ましょう|だった|ない|たい|だ)(か|ね|よ|よね|わ)?$"
        r"|(か|ね|よ|よね)$"
    ),
    "ko": re.compile(r"(요|다|까|죠|지|네|니|자|라|군|걸)$"),
}
_UNFINISHED = {
    "ja": re.compile(r"(は|を|に|が|の|で|と|も|へ|から|まで|より|って|ので|けど|し|て|ば|ら)$"),
    "ko": re.compile(
        r"(은|는|을|를|이|가|에|에서|에게|의|와|과|로|으로|도|만|고|서|면|지만|는데|한|할|까지|부터)$"
    ),
    "en": re.compile(
        r"(?:^|\s)(?:the|a|an|of|to|and|or|but|at|in|on|with|for|from|is|are|was|were|will|would|"
        r"can|could|should|must|not|my|your|his|her|our|their|by|as|if|that|i|we|he|she|they|"
        r"has|have|had|do|does|did|so|because|very|mister|miss|about|into|than|please)$",
        re.IGNORECASE,
    ),
}
_FINAL_BONUS, _UNFINISHED_MALUS = 0.4, 0.6

#: The pause in s that is equally likely to end a sentence or not, before anything is known about
#: the recording.
_USUAL_PAUSE = 0.35
_PAUSE_RANGE = (0.25, 0.6)
_NO_PAUSE = 0.05
_PAUSES_TO_LEARN_FROM = 20
_SHORT_PAUSE = 0.3


def is_marked(text: str, following: str, pause: float) -> bool:
    """Whether `text` ends with a mark that ends its sentence, given the text that follows.

    A point inside a number, after an abbreviation or before a lower-case letter does not end a
    sentence.
    """
    text, following = text.rstrip(), following.lstrip()
    if _DOTS.search(text):
        return pause >= _USUAL_PAUSE
    if _END_MARK.search(text):
        return not (_QUOTED.search(text) and _GOES_ON.match(following))
    if not _POINT.search(text):
        return False
    if _ABBREVIATION.search(text) or (text[-2:-1].isdigit() and following[:1].isdigit()):
        return False
    return not following[:1].islower() or pause >= _SHORT_PAUSE


def usual_pause(pauses: Sequence[float]) -> float:
    """The length of pause, in s, that divides pauses within sentences from pauses between them.

    Otsu's method (1979) on the logarithms of the pauses: the border that best separates two groups.
    It depends on speakers and recognizers; with few pauses it is a usual value.
    """
    known = sorted(math.log(max(pause, _NO_PAUSE)) for pause in pauses)
    if len(known) < _PAUSES_TO_LEARN_FROM:
        return _USUAL_PAUSE
    total, below = sum(known), 0.0
    best, border = 0.0, math.log(_USUAL_PAUSE)
    for count, pause in enumerate(known[:-1], 1):
        below += pause
        rest = len(known) - count
        difference = (total - below) / rest - below / count
        between = count * rest * difference**2
        if between > best:
            best, border = between, (pause + known[count]) / 2
    return min(max(math.exp(border), _PAUSE_RANGE[0]), _PAUSE_RANGE[1])


def evidence(text: str, pause: float, usual: float, language: str) -> float:
    """The evidence for the end of a sentence after `text` where no mark shows it; 1 is enough.

    The pause counts most. The form of the last word adds to it if it shows that a sentence is over
    (Japanese, Korean), and subtracts if the sentence has to continue.
    """
    text = text.rstrip()
    score = min(pause / usual, 1.6)
    if _COMMA.search(text):
        return score - _UNFINISHED_MALUS / 2
    if (final := _FINAL.get(language)) and final.search(text):
        return score + _FINAL_BONUS
    if (unfinished := _UNFINISHED.get(language)) and unfinished.search(text):
        return score - _UNFINISHED_MALUS
    return score
