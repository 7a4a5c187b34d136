"""Whisper on CTranslate2: windows of different recordings and languages in one batch.

A window's result does not depend on the other windows, nor on their order: its own length decides
how far it is padded, nothing is random, and prompts have equal length.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from reelmill.core.arrays import Float32
from reelmill.core.text import UNSPACED
from reelmill.errors import InputError
from reelmill.models.whisper.attention_times import AttentionTimes, TimedTokens
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
from reelmill.models.whisper.pauses import without_pause
from reelmill.models.whisper.prompts import echoes, prompt_tokens, said_before, says
from reelmill.models.whisper.sampling import draw, seed_of
from reelmill.models.whisper.sentences import TimedWord, cut_into_segments

#: Below this mean log probability, a text with a prompt is decoded again without it.
_PROMPT_DOUBT = -0.7
#: Sound of so many frames behind the end of a text is listened to again: text may be missing.
_LONGEST_REST = 3 * FRAMES_PER_SECOND
#: How many languages are reported for a window.
_CANDIDATES = 5


class Whisper:
    """A loaded model. Errors of CTranslate2, including out of memory, are passed on unchanged."""

    def __init__(
        self, model: Any, tokenizer: Any, contexts: Sequence[int] = (WINDOW_FRAMES,)
    ) -> None:
        """Wrap a `ctranslate2.models.Whisper` and its `tokenizers.Tokenizer`; `contexts` are the
        numbers of frames to which windows may be padded, see `Encoder`."""
        from faster_whisper.tokenizer import Tokenizer

        self._model = model
        self._encoder = Encoder(model, contexts)
        self._times = AttentionTimes(model)
        self._multilingual = bool(model.is_multilingual)
        self._tokenizer = Tokenizer(tokenizer, self._multilingual, task="transcribe", language="en")
        self._special = SpecialTokens(self._tokenizer.eot, self._tokenizer.timestamp_begin)

    def decode(
        self,
        windows: Sequence[Float32],
        choices: Sequence[Sequence[str]],
        options: DecodingOptions,
        before: Sequence[str] = (),
    ) -> list[DecodedWindow]:
        """Recognize a batch of windows.

        The language is detected from the same encoder output, at the cost of one token. Text is
        decoded without timestamps, with fewer errors, and gets its times from the decoder's
        attention; `options` can ask for timestamps. A window whose text ends before its sound is
        decoded again from there, as the one-by-one mode of faster-whisper does and its batched mode
        does not: no text is lost.

        Args:
            windows: features, each (n_mels, up to 3000 frames), float32.
            choices: of each window the languages it may be in, any language if there are none; an
                English-only model treats all as English.
            before: of each window the text that its prompt is to be, nothing where it is empty;
                a prompt of `options` takes its place.

        Raises:
            InputError: the model does not support a language.
        """
        said = [said_before(text, self._tokenizer.encode) for text in before or [""] * len(windows)]
        alike: dict[tuple[int, int], list[int]] = {}
        for row, window in enumerate(windows):
            alike.setdefault((self._encoder.context(window), len(said[row])), []).append(row)
        found: dict[int, DecodedWindow] = {}
        for (context, _), rows in alike.items():
            decoded = self._decode(
                [windows[row] for row in rows],
                [choices[row] for row in rows],
                [said[row] for row in rows],
                context,
                options,
            )
            found.update(zip(rows, decoded, strict=True))
        return [found[row] for row in range(len(windows))]

    def _decode(
        self,
        windows: Sequence[Float32],
        choices: Sequence[Sequence[str]],
        said: Sequence[Sequence[int]],
        context: int,
        options: DecodingOptions,
    ) -> list[DecodedWindow]:
        """`decode` for windows of one context and one length of prompt, which CTranslate2 demands
        of a batch."""
        encoded = self._encoder.encode(windows, context)
        heard = self._languages(encoded, len(windows))
        languages = [
            likeliest(found, allowed) for found, allowed in zip(heard, choices, strict=True)
        ]
        prompts = [
            self._prompt(language, options, before)
            for language, before in zip(languages, said, strict=True)
        ]
        segments: list[list[DecodedSegment]] = [[] for _ in windows]
        pending = [(index, 0) for index in range(len(windows))]
        while pending:
            sounds = [windows[index][:, seek:] for index, seek in pending]
            best = self._search(encoded, [prompts[index] for index, _ in pending], sounds, options)
            chosen = [languages[index] for index, _ in pending]
            if options.hotwords or options.initial_prompt:
                best = self._unprompted(encoded, best, chosen, sounds, options)
            frames = [min(windows[index].shape[1], context) - seek for index, seek in pending]
            cut = self._cut(encoded, best, chosen, frames, options)
            rest = []
            for (index, seek), (found, reached) in zip(pending, cut, strict=True):
                sound = windows[index][:, seek:]
                segments[index].extend(_later(without_pause(one, sound), seek) for one in found)
                if reached is not None:
                    rest.append((index, seek + reached))
            pending = rest
            if pending:
                encoded = self._encoder.encode(
                    [windows[index][:, seek:] for index, seek in pending], context
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
        found: list[list[TextTokens]] = []
        for features, language, said in zip(windows, languages, texts, strict=True):
            parts = [
                self._tokenizer.tokenizer.encode(text, add_special_tokens=False) for text in said
            ]
            context = self._encoder.context(features)
            (timed,) = self._times.of(
                self._encoder.encode([features], context),
                [self._prompt(language, DecodingOptions(timestamps=True))],
                [[token for part in parts for token in part.ids]],
                [min(features.shape[1], context)],
            )
            tokens = len(timed.probabilities)
            found.append([])
            at = 0
            for part in parts:
                after = min(at + len(part.ids), tokens)
                count = after - at
                found[-1].append(
                    TextTokens(
                        tuple(part.offsets[:count]),
                        timed.onsets[at:after],
                        timed.onsets[at + 1 : after + 1],
                        timed.probabilities[at:after],
                    )
                )
                at = after
        return found

    def _search(
        self,
        encoded: Any,
        prompts: list[list[int]],
        sounds: Sequence[Float32],
        options: DecodingOptions,
    ) -> list[Hypothesis]:
        """The kept hypothesis of each window. Only windows that fail the checks are decoded
        again."""
        tried: list[list[Hypothesis]] = [[] for _ in prompts]
        for temperature in options.steps:
            failed = [i for i, one in enumerate(tried) if not one or goes_on(one, options)]
            if options.temperature:
                for i in failed:
                    one = rows_of(encoded, [i])
                    tried[i].append(self._drawn(one, prompts[i], sounds[i], temperature, options))
                continue
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

    def _drawn(
        self,
        encoded: Any,
        prompt: list[int],
        sound: Float32,
        temperature: float,
        options: DecodingOptions,
    ) -> Hypothesis:
        """The text of one window, drawn at a temperature."""
        arguments = {**step_arguments(0.0, False, options), "beam_size": 1, "patience": 1.0}

        def ahead(tokens: list[int], length: int, is_first: bool) -> Any:
            return self._results(
                encoded,
                [tokens],
                options,
                max_length=length,
                suppress_blank=is_first and options.suppress_blank,
                return_logits_vocab=True,
                **arguments,
            )[0]

        drawn = draw(
            ahead,
            prompt,
            _max_length(len(prompt), options),
            self._special,
            temperature,
            seed_of(sound, temperature),
            timestamps=options.with_timestamps,
        )
        text = self._tokenizer.decode(list(drawn.tokens)).strip()
        return Hypothesis(
            drawn.tokens,
            text,
            drawn.logprob / (len(drawn.tokens) + 1),
            drawn.no_speech_prob,
            compression_ratio(text),
            temperature,
        )

    def _unprompted(
        self,
        encoded: Any,
        best: Sequence[Hypothesis],
        languages: Sequence[str],
        sounds: Sequence[Float32],
        options: DecodingOptions,
    ) -> list[Hypothesis]:
        """The hypotheses. A window whose text with the prompt is doubtful or repeats it is decoded
        again without the prompt, which replaces the text unless the sound alone confirms it."""
        again = []
        for row, one in enumerate(best):
            repeated = echoes(self._texts(one, languages[row], options), options)
            if repeated or one.avg_logprob < _PROMPT_DOUBT:
                again.append((row, repeated))
        if not again:
            return list(best)
        plain = replace(options, hotwords=None, initial_prompt=None)
        rows = [row for row, _ in again]
        found = self._search(
            encoded if len(rows) == len(best) else rows_of(encoded, rows),
            [self._prompt(languages[row], plain) for row in rows],
            [sounds[row] for row in rows],
            plain,
        )
        kept = list(best)
        for (row, repeated), one in zip(again, found, strict=True):
            borne_out = all(says(one.text, text) for text in repeated)
            likelier = best[row].avg_logprob >= one.avg_logprob
            if is_silence(one, plain) or not borne_out or not (repeated or likelier):
                kept[row] = one
        return kept

    def _texts(self, hypothesis: Hypothesis, language: str, options: DecodingOptions) -> list[str]:
        """The texts of a hypothesis, one for each of its segments."""
        if options.with_timestamps:
            parts, _ = split_by_timestamps(hypothesis.tokens, WINDOW_FRAMES, self._special)
            return [self._tokenizer.decode(list(part.tokens)) for part in parts]
        count = len(hypothesis.tokens)
        words = self._words(hypothesis, language, TimedTokens((0.0,) * (count + 1), (0.0,) * count))
        return [one.text for one in cut_into_segments(words, language)]

    def _generate(
        self,
        encoded: Any,
        prompts: list[list[int]],
        options: DecodingOptions,
        arguments: dict[str, Any],
    ) -> list[tuple[Any, str]]:
        """CTranslate2's result and its text, for each window."""
        results = self._results(
            encoded,
            prompts,
            options,
            max_length=_max_length(len(prompts[0]), options),
            suppress_blank=options.suppress_blank,
            **arguments,
        )
        decode = self._tokenizer.decode
        return [(result, decode(result.sequences_ids[0]).strip()) for result in results]

    def _results(
        self, encoded: Any, prompts: list[list[int]], options: DecodingOptions, **arguments: Any
    ) -> list[Any]:
        """CTranslate2's result for each window."""
        results: list[Any] = self._model.generate(
            encoded,
            prompts,
            length_penalty=options.length_penalty,
            return_scores=True,
            return_no_speech_prob=True,
            suppress_tokens=self._suppressed(options),
            max_initial_timestamp_index=round(
                options.max_initial_timestamp / SECONDS_PER_TIMESTAMP
            ),
            **arguments,
        )
        return results

    def _cut(
        self,
        encoded: Any,
        best: Sequence[Hypothesis],
        languages: Sequence[str],
        frames: Sequence[int],
        options: DecodingOptions,
    ) -> list[tuple[list[DecodedSegment], int | None]]:
        """The segments of each window, and the frame from which it is to be decoded again because
        its text ends before its sound; None where it does not."""
        spoken = [not is_silence(one, options) for one in best]
        if options.with_timestamps:
            return [
                self._by_timestamps(one, length) if speech else ([], None)
                for one, length, speech in zip(best, frames, spoken, strict=True)
            ]
        times = self._times.of(
            encoded,
            [self._prompt(language, DecodingOptions(timestamps=True)) for language in languages],
            [
                self._text_tokens(one) if speech else []
                for one, speech in zip(best, spoken, strict=True)
            ],
            frames,
        )
        found: list[tuple[list[DecodedSegment], int | None]] = []
        for one, language, length, timed in zip(best, languages, frames, times, strict=True):
            words = self._words(one, language, timed)
            segments = [
                replace(_segment(one, part.start, part.end, part.text), tokens=part.tokens)
                for part in cut_into_segments(words, language)
            ]
            reached = round(timed.onsets[-1] * FRAMES_PER_SECOND)
            goes_further = bool(segments) and 0 < reached <= length - _LONGEST_REST
            found.append((segments, reached if goes_further else None))
        return found

    def _by_timestamps(
        self, hypothesis: Hypothesis, frames: int
    ) -> tuple[list[DecodedSegment], int | None]:
        parts, reached = split_by_timestamps(hypothesis.tokens, frames, self._special)
        found = [
            _segment(hypothesis, part.start, part.end, text)
            for part in parts
            if (text := self._tokenizer.decode(list(part.tokens)).strip()) and part.end > part.start
        ]
        return found, reached

    def _text_tokens(self, hypothesis: Hypothesis) -> list[int]:
        return [token for token in hypothesis.tokens if token < self._special.end_of_text]

    def _words(self, hypothesis: Hypothesis, language: str, timed: TimedTokens) -> list[TimedWord]:
        """The words of a text, of which no more has times than fits into the decoder."""
        if not timed.probabilities:
            return []
        tokens = self._text_tokens(hypothesis)
        split = self._tokenizer.split_tokens_on_spaces
        if language in UNSPACED:
            split = self._tokenizer.split_tokens_on_unicode
        found = []
        at = 0
        for text, parts in zip(*split(tokens), strict=True):
            after = at + len(parts)
            known = timed.probabilities[at:after]
            probability = sum(known) / len(known) if known else 0.0
            found.append(TimedWord(text, timed.onsets[at], timed.onsets[after], probability))
            at = after
        return found

    def _prompt(
        self, language: str, options: DecodingOptions, said: Sequence[int] = ()
    ) -> list[int]:
        """Hotwords and initial prompt (together at most 223 tokens), or what was `said`, then the
        task."""
        hotwords, initial = prompt_tokens(options, self._tokenizer.encode)
        before = [*hotwords, *initial] or list(said)
        prompt = [self._tokenizer.sot_prev, *before] if before else []
        prompt.append(self._tokenizer.sot)
        if self._multilingual:
            task = self._tokenizer.translate if options.task == "translate" else None
            prompt += [self._language_token(language), task or self._tokenizer.transcribe]
        if not options.with_timestamps:
            prompt.append(self._tokenizer.no_timestamps)
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


def _segment(hypothesis: Hypothesis, start: float, end: float, text: str) -> DecodedSegment:
    return DecodedSegment(
        start=start,
        end=end,
        text=text,
        avg_logprob=hypothesis.avg_logprob,
        no_speech_prob=hypothesis.no_speech_prob,
        compression_ratio=hypothesis.compression_ratio,
        temperature=hypothesis.temperature,
    )


def _later(segment: DecodedSegment, frames: int) -> DecodedSegment:
    """A segment of what is left of a window from a frame on, in times of the window."""
    offset = frames / FRAMES_PER_SECOND
    tokens = segment.tokens
    if tokens is not None:
        tokens = replace(
            tokens,
            starts=tuple(one + offset for one in tokens.starts),
            ends=tuple(one + offset for one in tokens.ends),
        )
    return replace(segment, start=segment.start + offset, end=segment.end + offset, tokens=tokens)


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
