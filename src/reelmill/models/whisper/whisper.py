"""Whisper on CTranslate2: windows of different recordings and languages in one batch.

A window's result does not depend on the windows beside it, nor on their order: every window is
padded to the same 30 s, nothing is drawn at random, and prompts are of equal length.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from reelmill.core.arrays import Float32
from reelmill.engine.stage import Device, ModelSpec
from reelmill.errors import InputError, ModelUnavailableError, is_out_of_memory
from reelmill.models.runtimes import cublas
from reelmill.models.runtimes.compute import compute_type_for
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
from reelmill.models.whisper.features import (
    FRAMES_PER_SECOND,
    WINDOW_FRAMES,
    WINDOW_SECONDS,
    pad_or_trim,
)
from reelmill.models.whisper.prompts import echoes, left_out, prompt_tokens, says

if TYPE_CHECKING:
    from reelmill.models.files.cache import ModelFiles

#: Vocabularies of models that know more than English have at least so many tokens.
_MULTILINGUAL_VOCABULARY = 51_865
#: Below this mean log probability, a text with a prompt is decoded again without it.
_PROMPT_DOUBT = -0.7
#: Windows the encoder gets at once on a GPU. CTranslate2's softmax counts attention weights
#: (windows x heads x 1500 x 1500) with 32 bits there (softmax_gpu.cu): with
#: the 20 heads of large-v3, windows from the 96th on would come out wrong, without an error.
_ENCODED_AT_ONCE = 64
#: How many languages are reported for a window.
_CANDIDATES = 5


@dataclass(frozen=True)
class DecodedSegment:
    """Text of a window, times in seconds from the window's start."""

    start: float
    end: float
    text: str
    avg_logprob: float
    no_speech_prob: float
    compression_ratio: float
    temperature: float


@dataclass(frozen=True)
class DecodedWindow:
    """The segments of one window in order; none if nobody speaks in it.

    `languages` are the probabilities of the likeliest languages and of those that were allowed,
    none from an English-only model; the text is in `language`.
    """

    segments: tuple[DecodedSegment, ...]
    language: str
    languages: dict[str, float]


@dataclass(frozen=True)
class TextTokens:
    """Tokens of a text: which characters, seconds in the window, probability."""

    characters: tuple[tuple[int, int], ...]
    starts: tuple[float, ...]
    ends: tuple[float, ...]
    probabilities: tuple[float, ...]


@dataclass(frozen=True)
class WhisperSpec(ModelSpec):
    """A Whisper model in CTranslate2's format, in a local folder (see `models.cache.resolve`).

    `compute_type` "auto" is float16 on CUDA and int8 on the CPU.
    """

    purpose: ClassVar[str] = "recognizer"

    path: Path
    label: str
    digest: str
    n_mels: int = 80
    compute_type: str = "auto"
    #: How much speech goes into one window; less than 30 s for models that fail on more.
    window_seconds: float = WINDOW_SECONDS
    #: The length to which features of a window are padded; less than 30 s only for models made for
    #: it.
    padded_seconds: float = WINDOW_SECONDS
    #: Whether it knows languages other than English, and distinguishes them.
    multilingual: bool = True

    @classmethod
    def of(cls, files: ModelFiles, compute_type: str = "auto") -> WhisperSpec:
        """Of a resolved model, used as its folder asks for."""
        return cls(
            files.path,
            files.name,
            files.identity,
            files.n_mels,
            compute_type,
            files.window_seconds,
            files.padded_seconds,
            _vocabulary_size(files.path) >= _MULTILINGUAL_VOCABULARY,
        )

    @property
    def name(self) -> str:
        return self.label

    @property
    def identity(self) -> str:
        return f"{self.digest}:{self.compute_type}:{self.window_seconds:g}:{self.padded_seconds:g}"

    def prompt_left_out(self, options: DecodingOptions) -> list[str]:
        """The parts of hotwords and initial prompt that do not fit before a window, in plain
        words."""
        if not (options.hotwords or options.initial_prompt):
            return []
        import tokenizers

        tokenizer = tokenizers.Tokenizer.from_file(str(self.path / "tokenizer.json"))

        def encode(text: str) -> list[int]:
            return list(tokenizer.encode(text, add_special_tokens=False).ids)

        return left_out(options, encode, tokenizer.decode)

    def memory_mb(self, device_kind: str) -> float:
        """The size of the weights on disk, half as much again for a batch, and the libraries."""
        weights = (self.path / "model.bin").stat().st_size / (1 << 20)
        return 1.5 * weights + 200

    def load(self, device: Device, threads: int) -> Whisper:
        """Load onto `device`.

        Raises:
            ModelUnavailableError: cuBLAS or the device is missing, files are damaged, or the
                model takes features of another size than its folder says.
        """
        if device.kind == "cuda":
            cublas.preload_cublas()
        import ctranslate2
        import tokenizers

        try:
            model = ctranslate2.models.Whisper(
                str(self.path),
                device=device.kind,
                device_index=device.index if device.kind == "cuda" else 0,
                compute_type=compute_type_for(device, self.compute_type),
                intra_threads=threads,
            )
            tokenizer = tokenizers.Tokenizer.from_file(str(self.path / "tokenizer.json"))
        except Exception as error:
            if is_out_of_memory(error):
                raise
            raise ModelUnavailableError(
                f"model {self.name!r} cannot be loaded on {device} from {self.path}: {error}; "
                "remove the folder and fetch it again (reelmill models pull), "
                "or use another --model or --device"
            ) from error
        if model.n_mels != self.n_mels:
            raise ModelUnavailableError(
                f"model {self.name!r} takes {model.n_mels} mel bands, but its folder says "
                f"{self.n_mels}: copy the right preprocessor_config.json into {self.path}"
            )
        return Whisper(model, tokenizer, round(self.padded_seconds * FRAMES_PER_SECOND))

    def warm_up(self, model: Whisper) -> None:
        silence = np.zeros((self.n_mels, WINDOW_FRAMES), np.float32)
        model.decode([silence], [("en",)], DecodingOptions(temperatures=(0.0,), max_new_tokens=4))


class Whisper:
    """A loaded model. Errors of CTranslate2, including out of memory, are passed on unchanged."""

    def __init__(self, model: Any, tokenizer: Any, frames: int = WINDOW_FRAMES) -> None:
        """Wrap a `ctranslate2.models.Whisper` and its `tokenizers.Tokenizer`; `frames` is what
        windows are padded to."""
        from faster_whisper.tokenizer import Tokenizer

        self._model = model
        self._frames = frames
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

        Which language is spoken is asked of the same encoder output, for the price of one token.
        A window whose text ends before its sound is decoded again from there, as the one-by-one
        mode of faster-whisper does and its batched mode does not: no text is lost.

        Args:
            windows: features, each (n_mels, up to 3000 frames), float32.
            choices: of each window the languages it may be in, any of all if there are none; an
                English-only model takes all as English.

        Raises:
            InputError: the model does not know a language.
        """
        encoded = self._encode(windows)
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
                frames = min(windows[index].shape[1], self._frames) - seek
                found, reached = self._cut(hypothesis, frames, seek, options)
                segments[index].extend(found)
                if reached is not None:
                    rest.append((index, seek + reached))
            pending = rest
            if pending:
                encoded = self._encode([windows[index][:, seek:] for index, seek in pending])
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
        """When each token of known texts is spoken, by the decoder's cross-attention.

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
                self._encode([features]),
                prompt,
                [tokens],
                [min(features.shape[1], self._frames)],
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
        """The kept hypothesis of each window. Only those that fail the checks are tried again."""
        tried: list[list[Hypothesis]] = [[] for _ in prompts]
        for temperature in options.temperatures:
            failed = [i for i, one in enumerate(tried) if not one or goes_on(one, options)]
            looping = [i for i in failed if tried[i] and is_repetitive(tried[i][-1], options)]
            for rows in (looping, [i for i in failed if i not in looping]):
                if not rows:
                    continue
                arguments = step_arguments(temperature, rows is looping, options)
                found = self._generate(
                    encoded if len(rows) == len(prompts) else _rows(encoded, rows),
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
        """The hypotheses, those decoded again without the prompt that are doubtful with it or
        repeat it, and that the sound alone does not bear out."""
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
            encoded if len(rows) == len(best) else _rows(encoded, rows),
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
        parts, _ = split_by_timestamps(hypothesis.tokens, self._frames, self._special)
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

    def _encode(self, windows: Sequence[Float32]) -> Any:
        """The encoder's output, shape (windows, half of the padded frames, width).

        On the CPU one window at a time: a batch computes the same numbers, but its attention
        matrices outgrow the allocator's pools and are mapped and zeroed anew in every layer
        (two thirds of the time with 16 windows). A GPU gets the whole batch, up to a limit.
        """
        at_once = 1 if self._model.device == "cpu" else _ENCODED_AT_ONCE
        if len(windows) <= at_once:
            return self._encode_together(windows)
        parts = [
            _on_host(self._encode_together(windows[start : start + at_once]))
            for start in range(0, len(windows), at_once)
        ]
        return _storage(np.concatenate(parts))

    def _encode_together(self, windows: Sequence[Float32]) -> Any:
        padded = [pad_or_trim(features, self._frames)[None] for features in windows]
        return self._model.encode(_storage(np.concatenate(padded)))

    def _prompt(self, language: str, options: DecodingOptions) -> list[int]:
        """Hotwords and initial prompt (together at most 223 tokens), then the task.

        All prompts of one stage have the same length, which CTranslate2 demands of a batch.
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
    """The likeliest of the allowed languages, of all if none is named; English where nothing was
    heard of any."""
    if len(allowed) == 1:
        return allowed[0]
    candidates = [code for code in allowed or languages if code in languages]
    return max(candidates, key=lambda code: languages[code], default=next(iter(allowed), "en"))


def _foremost(languages: Mapping[str, float], allowed: Sequence[str]) -> dict[str, float]:
    """The likeliest languages and those allowed, the likeliest first."""
    ranked = sorted(languages, key=lambda code: (-languages[code], code))
    return {
        code: round(languages[code], 4)
        for rank, code in enumerate(ranked)
        if rank < _CANDIDATES or code in allowed
    }


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


def _vocabulary_size(folder: Path) -> int:
    """How many tokens a model in CTranslate2's format knows."""
    lines = folder / "vocabulary.txt"
    if lines.is_file():
        with lines.open("rb") as file:
            return sum(1 for _ in file)
    return len(json.loads((folder / "vocabulary.json").read_text(encoding="utf-8")))


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


def _rows(encoded: Any, rows: list[int]) -> Any:
    """Some rows of an encoder output (windows, positions, width), copied through the model worker.

    CTranslate2 has no gather of its own in Python; a row is 4 MB for the largest model, and
    few windows fail.
    """
    return _storage(_on_host(encoded)[rows])


def _on_host(encoded: Any) -> Any:
    """An encoder output as a NumPy array, which has no bfloat16."""
    import ctranslate2

    if encoded.dtype == ctranslate2.DataType.bfloat16:
        encoded = encoded.to(ctranslate2.DataType.float32)
    if encoded.device != "cpu":
        encoded = encoded.to_device(ctranslate2.Device.cpu)
    return np.array(encoded)


def _storage(array: Float32) -> Any:
    import ctranslate2

    # It takes no read-only arrays, which a full window out of shared memory is.
    return ctranslate2.StorageView.from_array(np.require(array, requirements=("C", "W")))
