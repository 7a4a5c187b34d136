"""Whisper on CTranslate2: windows of different recordings and languages in one batch.

A window's result does not depend on the other windows, nor on their order: every window is padded
to the same 30 s, nothing is random, and prompts have equal length.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from reelmill.core.arrays import Float32
from reelmill.errors import InputError
from reelmill.models.whisper.decoded import DecodedSegment, DecodedWindow, TextTokens
from reelmill.models.whisper.decoding import (
    MAX_TOKENS,
    SECONDS_PER_TIMESTAMP,
    DecodingOptions,
    Hypothesis,
    SpecialTokens,
    choose,
    compression_ratio,
    goes_on,
    is_repetitive,
    is_silence,
    split_by_timestamps,
    step_arguments,
)
from reelmill.models.whisper.encoder import Encoder, rows_of
from reelmill.models.whisper.features import (
    FRAMES_PER_SECOND,
    WINDOW_FRAMES,
)
from reelmill.models.whisper.prompts import echoes, prompt_tokens, says

#: Below this mean log probability, a text with a prompt is decoded again without it.
_PROMPT_DOUBT = -0.7
#: How many languages are reported for a window.
_CANDIDATES = 5


class Whisper:
    """A loaded model. Errors of CTranslate2, including out of memory, are passed on unchanged."""

    def __init__(self, model: Any, tokenizer: Any, frames: int = WINDOW_FRAMES) -> None:
        """Wrap a `ctranslate2.models.Whisper` and its `tokenizers.Tokenizer`; `frames` is what
        windows are padded to."""
        from faster_whisper.tokenizer import Tokenizer

        self._model = model
        self._encoder = Encoder(model, frames)
        self._multilingual = bool(model.is_multilingual)
        self._tokenizer = Tokenizer(tokenizer, self._multilingual, task="transcribe", language="en")
        self._special = SpecialTokens(self._tokenizer.eot, self._tokenizer.timestamp_begin)

    def decode(
        self,
        windows: Sequence[Float32],
        choices: Sequence[Sequence[str]],
        options: DecodingOptions,
    ) -> list[DecodedWindow]:
        """Recognize a batch of windows.

        The language is detected from the same encoder output, at the cost of one token. A window
        whose text ends before its sound is decoded again from there, as the one-by-one mode of
        faster-whisper does and its batched mode does not: no text is lost.

        Args:
            windows: features, each (n_mels, up to 3000 frames), float32.
            choices: of each window the languages it may be in, any language if there are none; an
                English-only model treats all as English.

        Raises:
            InputError: the model does not support a language.
        """
        encoded = self._encoder.encode(windows)
        heard = self._languages(encoded, len(windows))
        languages = [
            likeliest(found, allowed) for found, allowed in zip(heard, choices, strict=True)
        ]
        prompts = [self._prompt(language, options) for language in languages]
        segments: list[list[DecodedSegment]] = [[] for _ in windows]
        pending = [(index, 0) for index in range(len(windows))]
        while pending:
            best = self._search(encoded, [prompts[index] for index, _ in pending], options)
            if options.hotwords or options.initial_prompt:
                best = self._unprompted(
                    encoded, best, [languages[index] for index, _ in pending], options
                )
            rest = []
            for (index, seek), hypothesis in zip(pending, best, strict=True):
                frames = min(windows[index].shape[1], self._encoder.frames) - seek
                found, reached = self._cut(hypothesis, frames, seek, options)
                segments[index].extend(found)
                if reached is not None:
                    rest.append((index, seek + reached))
            pending = rest
            if pending:
                encoded = self._encoder.encode(
                    [windows[index][:, seek:] for index, seek in pending]
                )
        return [
            DecodedWindow(tuple(found), language, _foremost(every, allowed))
            for found, language, every, allowed in zip(
                segments, languages, heard, choices, strict=True
            )
        ]

    def _languages(self, encoded: Any, windows: int) -> list[dict[str, float]]:
        """The probability of each language in each encoded window."""
        if not self._multilingual:
            return [{} for _ in range(windows)]
        return [
            {token[2:-2]: float(probability) for token, probability in ranking}
            for ranking in self._model.detect_language(encoded)
        ]

    def token_times(
        self, windows: Sequence[Float32], languages: Sequence[str], texts: Sequence[Sequence[str]]
    ) -> list[list[TextTokens]]:
        """Find when each token of known texts is spoken, by the decoder's cross-attention.

        Dynamic time warping over the weights of the alignment heads, as openai-whisper and
        faster-whisper do it (CTranslate2's `align`); a text that does not fit into the decoder
        keeps its first tokens.

        Args:
            windows: features, each (n_mels, up to 3000 frames), float32.
            languages: one code a window.
            texts: of each window, the texts said in it one after the other.
        """
        found: list[list[TextTokens]] = [[] for _ in windows]
        for row, (features, language) in enumerate(zip(windows, languages, strict=True)):
            prompt = self._prompt(language, DecodingOptions())
            room = MAX_TOKENS - len(prompt) - 2
            parts = [
                self._tokenizer.tokenizer.encode(text, add_special_tokens=False)
                for text in texts[row]
            ]
            tokens = [token for part in parts for token in part.ids][:room]
            if not tokens:
                found[row] = [TextTokens((), (), (), ()) for _ in parts]
                continue
            (result,) = self._model.align(
                self._encoder.encode([features]),
                prompt,
                [tokens],
                [min(features.shape[1], self._encoder.frames)],
            )
            times = onsets(result.alignments, len(tokens))
            at = 0
            for part in parts:
                after = min(at + len(part.ids), len(tokens))
                count = after - at
                found[row].append(
                    TextTokens(
                        tuple(part.offsets[:count]),
                        tuple(times[at:after]),
                        tuple(times[at + 1 : after + 1]),
                        tuple(result.text_token_probs[at:after]),
                    )
                )
                at = after
        return found

    def _search(
        self, encoded: Any, prompts: list[list[int]], options: DecodingOptions
    ) -> list[Hypothesis]:
        """The kept hypothesis of each window. Only windows that fail the checks are decoded
        again."""
        tried: list[list[Hypothesis]] = [[] for _ in prompts]
        for temperature in options.temperatures:
            failed = [i for i, one in enumerate(tried) if not one or goes_on(one, options)]
            looping = [i for i in failed if tried[i] and is_repetitive(tried[i][-1], options)]
            for rows in (looping, [i for i in failed if i not in looping]):
                if not rows:
                    continue
                arguments = step_arguments(temperature, rows is looping, options)
                found = self._generate(
                    encoded if len(rows) == len(prompts) else rows_of(encoded, rows),
                    [prompts[i] for i in rows],
                    options,
                    arguments,
                )
                for i, (result, text) in zip(rows, found, strict=True):
                    tried[i].append(_hypothesis(result, text, temperature, options))
        return [choose(hypotheses, options) for hypotheses in tried]

    def _unprompted(
        self,
        encoded: Any,
        best: Sequence[Hypothesis],
        languages: Sequence[str],
        options: DecodingOptions,
    ) -> list[Hypothesis]:
        """The hypotheses. A window whose text with the prompt is doubtful or repeats it is decoded
        again without the prompt, which replaces the text unless the sound alone confirms it."""
        again = []
        for row, one in enumerate(best):
            texts = [self._tokenizer.decode(list(part)) for part in self._texts(one)]
            repeated = echoes(texts, options)
            if repeated or one.avg_logprob < _PROMPT_DOUBT:
                again.append((row, repeated))
        if not again:
            return list(best)
        plain = replace(options, hotwords=None, initial_prompt=None)
        rows = [row for row, _ in again]
        found = self._search(
            encoded if len(rows) == len(best) else rows_of(encoded, rows),
            [self._prompt(languages[row], plain) for row in rows],
            plain,
        )
        kept = list(best)
        for (row, repeated), one in zip(again, found, strict=True):
            borne_out = all(says(one.text, text) for text in repeated)
            likelier = best[row].avg_logprob >= one.avg_logprob
            if is_silence(one, plain) or not borne_out or not (repeated or likelier):
                kept[row] = one
        return kept

    def _texts(self, hypothesis: Hypothesis) -> list[tuple[int, ...]]:
        parts, _ = split_by_timestamps(hypothesis.tokens, self._encoder.frames, self._special)
        return [part.tokens for part in parts]

    def _generate(
        self,
        encoded: Any,
        prompts: list[list[int]],
        options: DecodingOptions,
        arguments: dict[str, Any],
    ) -> list[tuple[Any, str]]:
        """CTranslate2's result and its text, for each window."""
        results = self._model.generate(
            encoded,
            prompts,
            length_penalty=options.length_penalty,
            max_length=_max_length(len(prompts[0]), options),
            return_scores=True,
            return_no_speech_prob=True,
            suppress_blank=options.suppress_blank,
            suppress_tokens=self._suppressed(options),
            max_initial_timestamp_index=round(
                options.max_initial_timestamp / SECONDS_PER_TIMESTAMP
            ),
            **arguments,
        )
        decode = self._tokenizer.decode
        return [(result, decode(result.sequences_ids[0]).strip()) for result in results]

    def _cut(
        self, hypothesis: Hypothesis, frames: int, seek: int, options: DecodingOptions
    ) -> tuple[list[DecodedSegment], int | None]:
        if is_silence(hypothesis, options):
            return [], None
        offset = seek / FRAMES_PER_SECOND
        parts, reached = split_by_timestamps(hypothesis.tokens, frames, self._special)
        found = [
            DecodedSegment(
                start=offset + part.start,
                end=offset + part.end,
                text=text,
                avg_logprob=hypothesis.avg_logprob,
                no_speech_prob=hypothesis.no_speech_prob,
                compression_ratio=hypothesis.compression_ratio,
                temperature=hypothesis.temperature,
            )
            for part in parts
            if (text := self._tokenizer.decode(list(part.tokens)).strip()) and part.end > part.start
        ]
        return found, reached

    def _prompt(self, language: str, options: DecodingOptions) -> list[int]:
        """Hotwords and initial prompt (together at most 223 tokens), then the task.

        All prompts of one stage have the same length, as CTranslate2 requires within a batch.
        """
        hotwords, initial = prompt_tokens(options, self._tokenizer.encode)
        before = [*hotwords, *initial]
        prompt = [self._tokenizer.sot_prev, *before] if before else []
        prompt.append(self._tokenizer.sot)
        if self._multilingual:
            task = self._tokenizer.translate if options.task == "translate" else None
            prompt += [self._language_token(language), task or self._tokenizer.transcribe]
        return prompt

    def _language_token(self, language: str) -> int:
        token: int | None = self._tokenizer.tokenizer.token_to_id(f"<|{language}|>")
        if token is None:
            raise InputError(
                f"this Whisper model does not know the language {language!r}; "
                "give another --language or use large-v3"
            )
        return token

    def _suppressed(self, options: DecodingOptions) -> list[int]:
        from faster_whisper.transcribe import get_suppressed_tokens

        if not options.suppress_tokens:
            return []
        return list(get_suppressed_tokens(self._tokenizer, list(options.suppress_tokens)))


def likeliest(languages: Mapping[str, float], allowed: Sequence[str]) -> str:
    """The likeliest of the allowed languages, or of all if none is named; English if there are no
    probabilities."""
    if len(allowed) == 1:
        return allowed[0]
    candidates = [code for code in allowed or languages if code in languages]
    return max(candidates, key=lambda code: languages[code], default=next(iter(allowed), "en"))


def _foremost(languages: Mapping[str, float], allowed: Sequence[str]) -> dict[str, float]:
    """The likeliest languages and the allowed ones, the likeliest first."""
    ranked = sorted(languages, key=lambda code: (-languages[code], code))
    return {
        code: round(languages[code], 4)
        for rank, code in enumerate(ranked)
        if rank < _CANDIDATES or code in allowed
    }


def onsets(alignments: Sequence[tuple[int, int]], count: int) -> list[float]:
    """Seconds at which each of `count` tokens begins, and the last ends.

    `alignments`: pairs of the numbers of a token and a position, both never decreasing.
    """
    begins: list[float] = []
    for token, position in alignments:
        while len(begins) <= token:
            begins.append(position * SECONDS_PER_TIMESTAMP)
    last = alignments[-1][1] * SECONDS_PER_TIMESTAMP if alignments else 0.0
    return (begins + [last] * (count + 1))[: count + 1]


def _max_length(prompt: int, options: DecodingOptions) -> int:
    if options.max_new_tokens is None:
        return MAX_TOKENS
    return min(MAX_TOKENS, prompt + options.max_new_tokens)


def _hypothesis(result: Any, text: str, temperature: float, options: DecodingOptions) -> Hypothesis:
    tokens = tuple(result.sequences_ids[0])
    # CTranslate2 divides the sum of log probabilities by length ** penalty; the end of text,
    # not among the tokens, counts in the mean.
    total = result.scores[0] * len(tokens) ** options.length_penalty
    return Hypothesis(
        tokens=tokens,
        text=text,
        avg_logprob=total / (len(tokens) + 1),
        no_speech_prob=result.no_speech_prob,
        compression_ratio=compression_ratio(text),
        temperature=temperature,
    )
