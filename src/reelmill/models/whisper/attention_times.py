"""When tokens are spoken, by the decoder's cross-attention."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from reelmill.models.whisper.decoding import MAX_TOKENS, SECONDS_PER_TIMESTAMP
from reelmill.models.whisper.encoder import rows_of

#: Windows aligned at once on a GPU: the weights of a full text over the whole vocabulary are 93 MB.
_ALIGNED_AT_ONCE = 16


@dataclass(frozen=True)
class TimedTokens:
    """Tokens of a window: seconds at which each begins and, one more, at which the text ends; the
    probability of each."""

    onsets: tuple[float, ...]
    probabilities: tuple[float, ...]


class AttentionTimes:
    """Dynamic time warping over the weights of the alignment heads, as openai-whisper and
    faster-whisper do it (CTranslate2's `align`)."""

    def __init__(self, model: Any) -> None:
        """Of a loaded `ctranslate2.models.Whisper`."""
        self._model = model

    def of(
        self,
        encoded: Any,
        prompts: Sequence[Sequence[int]],
        texts: Sequence[Sequence[int]],
        frames: Sequence[int],
    ) -> list[TimedTokens]:
        """The times of each window's text. A text that does not fit into the decoder keeps those of
        its first tokens; the rest is at their end.

        Args:
            encoded: the encoder's output for the windows.
            prompts: the start of each window's transcript: language and task.
            texts: the tokens of each window's text.
            frames: how many feature frames of each window are sound.
        """
        found = [TimedTokens((0.0,), ()) for _ in texts]
        for rows in self._together([tuple(prompt) for prompt in prompts], texts):
            prompt = list(prompts[rows[0]])
            room = MAX_TOKENS - len(prompt) - 2
            results = self._model.align(
                encoded if len(rows) == len(texts) else rows_of(encoded, rows),
                prompt,
                [list(texts[row][:room]) for row in rows],
                [frames[row] for row in rows],
            )
            for row, result in zip(rows, results, strict=True):
                probabilities = tuple(result.text_token_probs)
                times = tuple(onsets(result.alignments, len(texts[row])))
                found[row] = TimedTokens(times, probabilities)
        return found

    def _together(
        self, prompts: Sequence[tuple[int, ...]], texts: Sequence[Sequence[int]]
    ) -> list[list[int]]:
        """Rows that are aligned in one call. On the CPU each alone, so that nothing depends on the
        windows beside it; a GPU gets those of one prompt, which CTranslate2 demands."""
        rows = [row for row, text in enumerate(texts) if text]
        if self._model.device == "cpu":
            return [[row] for row in rows]
        alike: dict[tuple[int, ...], list[int]] = {}
        for row in rows:
            alike.setdefault(prompts[row], []).append(row)
        return [
            some[start : start + _ALIGNED_AT_ONCE]
            for some in alike.values()
            for start in range(0, len(some), _ALIGNED_AT_ONCE)
        ]


def onsets(alignments: Sequence[tuple[int, int]], count: int) -> list[float]:
    """Seconds at which each of `count` tokens begins, and the last ends.

    `alignments` are pairs of a token's and a position's number, both never falling.
    """
    begins: list[float] = []
    for token, position in alignments:
        while len(begins) <= token:
            begins.append(position * SECONDS_PER_TIMESTAMP)
    last = alignments[-1][1] * SECONDS_PER_TIMESTAMP if alignments else 0.0
    return (begins + [last] * (count + 1))[: count + 1]
