"""Words of a segment from the times of its tokens in the recognizer."""

from __future__ import annotations

from reelmill.artifacts import Segment, Word
from reelmill.core.word_places import word_places
from reelmill.models.whisper.decoded import TextTokens
from reelmill.stages.speech.windows import OriginalTimes
from reelmill.stages.words.words import TimedText, split_words, timed_words


def words_of(
    segment: Segment, text: str, language: str, tokens: TextTokens, times: OriginalTimes | None
) -> list[Word]:
    """The words of a segment, inside it and in order, in times of the original.

    Args:
        segment: with times of the original.
        text: its text as the characters of `tokens` count it.
        language: of the text.
        tokens: with times of the window.
        times: of the window; None if nothing is known of the tokens' times.
    """
    said = split_words(segment.text, language)
    words = [
        _timed(word, begin, begin + len(word), tokens, times)
        for word, begin in zip(said, word_places(text, said), strict=True)
    ]
    return timed_words(words, segment.start, segment.end)


def _timed(
    word: str, begin: int, after: int, tokens: TextTokens, times: OriginalTimes | None
) -> TimedText:
    inside = [
        index
        for index, (first, last) in enumerate(tokens.characters)
        if first < after and last > begin
    ]
    if not inside or times is None:
        return TimedText(word)
    score = sum(tokens.probabilities[index] for index in inside) / len(inside)
    start = times.start(tokens.starts[inside[0]])
    return TimedText(word, start, times.end(tokens.ends[inside[-1]]), score, "whisper")
