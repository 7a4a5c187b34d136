"""The code around one call of Whisper's decoder: options, checks, fallback steps, segments.

Pure functions of tokens and numbers; the library is called in `whisper.py`. The checks and the
cutting by timestamps are those of openai/whisper (Radford et al. 2022, section 4.5) in the form
faster-whisper 1.2 gives them.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

from reelmill.models.whisper.features import FRAMES_PER_SECOND

SECONDS_PER_TIMESTAMP = 0.02
FRAMES_PER_TIMESTAMP = 2
MAX_TOKENS = 448
#: A remainder of a window shorter than this is not decoded again, because Whisper invents text for
#: it.
_SHORTEST_REST = FRAMES_PER_SECOND
#: How much the patience of beam search grows in a step of the fallback.
_FURTHER = 3


@dataclass(frozen=True)
class DecodingOptions:
    """The options of decoding; names and defaults are faster-whisper's.

    `temperatures` are the steps of the fallback, see `step_arguments` for what a step above 0
    does here. With a `temperature` above 0, text is drawn at it (see `sampling.py`), and at higher
    steps where it fails the checks. `initial_prompt` and `hotwords` are put before every window.
    `None` for a threshold switches its check off. `timestamps`: whether the decoder writes them.
    """

    task: Literal["transcribe", "translate"] = "transcribe"
    beam_size: int = 5
    patience: float = 1.0
    length_penalty: float = 1.0
    repetition_penalty: float = 1.0
    no_repeat_ngram_size: int = 0
    temperature: float = 0.0
    temperatures: tuple[float, ...] = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
    compression_ratio_threshold: float | None = 2.4
    log_prob_threshold: float | None = -1.0
    no_speech_threshold: float | None = 0.6
    suppress_blank: bool = True
    suppress_tokens: tuple[int, ...] = (-1,)
    max_initial_timestamp: float = 1.0
    max_new_tokens: int | None = None
    initial_prompt: str | None = None
    hotwords: str | None = None
    timestamps: bool = False

    @property
    def steps(self) -> tuple[float, ...]:
        """The temperatures of all steps: the first, and those of the fallback above it."""
        if not self.temperature:
            return self.temperatures
        return (self.temperature, *(one for one in self.temperatures if one > self.temperature))

    @property
    def with_timestamps(self) -> bool:
        """Also for translations: their words do not follow the sound's order."""
        return self.timestamps or self.task == "translate"

    def language_of(self, spoken: str) -> str:
        """The language in which text is written where `spoken` is heard."""
        return "en" if self.task == "translate" else spoken


@dataclass(frozen=True)
class SpecialTokens:
    """The ids of the special tokens in a multilingual or English-only Whisper vocabulary."""

    end_of_text: int
    timestamp_begin: int


@dataclass(frozen=True)
class Hypothesis:
    """One decoded token sequence of a window, with the measures of its confidence."""

    tokens: tuple[int, ...]
    text: str
    avg_logprob: float
    no_speech_prob: float
    compression_ratio: float
    temperature: float


@dataclass(frozen=True)
class TokenSegment:
    """Tokens between two timestamps; times in seconds from the start of the window."""

    start: float
    end: float
    tokens: tuple[int, ...]


def compression_ratio(text: str) -> float:
    """How much smaller zlib makes the text; above 2.4 the text repeats itself."""
    data = text.encode("utf-8")
    return len(data) / len(zlib.compress(data))


def is_repetitive(hypothesis: Hypothesis, options: DecodingOptions) -> bool:
    threshold = options.compression_ratio_threshold
    return threshold is not None and hypothesis.compression_ratio > threshold


def is_doubtful(hypothesis: Hypothesis, options: DecodingOptions) -> bool:
    threshold = options.log_prob_threshold
    return threshold is not None and hypothesis.avg_logprob < threshold


def needs_fallback(hypothesis: Hypothesis, options: DecodingOptions) -> bool:
    """Whether the window has to be decoded again, by faster-whisper's three checks."""
    silent = (
        options.no_speech_threshold is not None
        and hypothesis.no_speech_prob > options.no_speech_threshold
    )
    if silent and is_doubtful(hypothesis, options):
        return False
    return is_repetitive(hypothesis, options) or is_doubtful(hypothesis, options)


def goes_on(tried: Sequence[Hypothesis], options: DecodingOptions) -> bool:
    """Whether a further step is worthwhile after the hypotheses `tried` so far.

    For a repetition, every step is. For a text that is only doubtful, further steps are as long as
    the last one found a better text.
    """
    last = tried[-1]
    if not needs_fallback(last, options):
        return False
    if len(tried) == 1 or is_repetitive(last, options):
        return True
    return last.avg_logprob > max(one.avg_logprob for one in tried[:-1])


def choose(tried: Sequence[Hypothesis], options: DecodingOptions) -> Hypothesis:
    """The hypothesis to keep: the first one that passes the checks, otherwise the likeliest without
    repetition."""
    if not needs_fallback(tried[-1], options):
        return tried[-1]
    candidates = [one for one in tried if not is_repetitive(one, options)] or list(tried)
    return max(candidates, key=lambda one: one.avg_logprob)


def step_arguments(
    temperature: float, repetitive: bool, options: DecodingOptions
) -> dict[str, Any]:
    """How CTranslate2 searches at one step of the fallback.

    Step 0 is beam search, as in faster-whisper. Above it, faster-whisper draws random samples.
    CTranslate2 seeds its generator once per worker thread and cannot be seeded again, so a sample
    would depend on every window sampled before it: a resumed run, or another batch, would get other
    texts. Text is drawn here only where that is asked for (`DecodingOptions.temperature`), at some
    cost. Otherwise a step extends the search without chance: three times as many hypotheses
    are finished before the search ends (patience, Kasai et al. 2022, arXiv:2204.05424), which finds
    a likelier text at least as often as five samples at each temperature do. Where the text so far
    was `repetitive`, tokens said before are penalized as well, more at higher temperatures (Keskar
    et al. 2019, arXiv:1909.05858), and n-grams of a falling length (8 to 3) may not come twice,
    which ends the loop.
    """
    further = _FURTHER if temperature > 0 else 1
    arguments: dict[str, Any] = {
        "beam_size": options.beam_size,
        "patience": options.patience * further,
        "repetition_penalty": options.repetition_penalty,
        "no_repeat_ngram_size": options.no_repeat_ngram_size,
    }
    if temperature > 0 and repetitive:
        arguments["repetition_penalty"] = max(options.repetition_penalty, 1 + temperature / 4)
        ngram = 3 + round(6 * (1 - min(1.0, temperature)))
        arguments["no_repeat_ngram_size"] = min(ngram, options.no_repeat_ngram_size or ngram)
    return arguments


def is_silence(hypothesis: Hypothesis, options: DecodingOptions) -> bool:
    """Whether to drop the window: it probably has no speech, and its text is unlikely too."""
    if options.no_speech_threshold is None:
        return False
    if (
        options.log_prob_threshold is not None
        and hypothesis.avg_logprob > options.log_prob_threshold
    ):
        return False
    return hypothesis.no_speech_prob > options.no_speech_threshold


def split_by_timestamps(
    tokens: Sequence[int], frames: int, special: SpecialTokens
) -> tuple[list[TokenSegment], int | None]:
    """Cut a window's tokens into segments at adjacent timestamps.

    Args:
        tokens: as decoded, including timestamps.
        frames: the number of feature frames of the window that have sound.

    Returns:
        The segments, and the frame from which the window must be decoded again because its
        text did not reach the end (long text, or Whisper stopped early); None when it did.
    """
    begin = special.timestamp_begin
    cuts = [i for i in range(1, len(tokens)) if tokens[i] >= begin and tokens[i - 1] >= begin]
    if not cuts:
        return [_whole(tokens, frames, begin)], None
    closed = len(tokens) >= 2 and tokens[-2] < begin <= tokens[-1]
    if closed:
        cuts.append(len(tokens))
    edges = [0, *cuts]
    segments = [_between(tokens[first:last], begin) for first, last in pairwise(edges)]
    if closed:
        return segments, None
    reached = (tokens[cuts[-1] - 1] - begin) * FRAMES_PER_TIMESTAMP
    if 0 < reached <= frames - _SHORTEST_REST:
        return segments, reached
    rest = tokens[cuts[-1] :]
    if any(token < special.end_of_text for token in rest):
        end = max(frames / FRAMES_PER_SECOND, segments[-1].end)
        segments.append(TokenSegment(segments[-1].end, end, tuple(rest)))
    return segments, None


def _between(tokens: Sequence[int], begin: int) -> TokenSegment:
    start = (tokens[0] - begin) * SECONDS_PER_TIMESTAMP
    return TokenSegment(start, (tokens[-1] - begin) * SECONDS_PER_TIMESTAMP, tuple(tokens))


def _whole(tokens: Sequence[int], frames: int, begin: int) -> TokenSegment:
    stamps = [token for token in tokens if token >= begin]
    end = frames / FRAMES_PER_SECOND
    if stamps and stamps[-1] != begin:
        end = (stamps[-1] - begin) * SECONDS_PER_TIMESTAMP
    return TokenSegment(0.0, end, tuple(tokens))
