"""NLLB-200 on CTranslate2: a batch of texts, each with its own source and target language.

NLLB Team, "No Language Left Behind: Scaling Human-Centered Machine Translation", 2022. The source
is `language tokens </s>`, the target begins with its language. Texts are cut into tokens by
`tokenizers` with the `tokenizer.json` that comes with every NLLB: no PyTorch, no transformers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from reelmill.engine.stage import Device, ModelSpec
from reelmill.errors import InputError, ModelUnavailableError, is_out_of_memory
from reelmill.models.runtimes import cublas
from reelmill.models.runtimes.compute import compute_type_for

_END = "</s>"
#: Tokens computed at once, including padding, however many texts are given.
_MOST_TOKENS = 4096
#: A translation may be this many times as long as its source, plus a few tokens.
_LENGTH_FACTOR, _LENGTH_ROOM = 3, 16
#: Memory of the tokenizer with 256,204 entries and of the libraries.
_LIBRARIES_MB = 450


@dataclass(frozen=True)
class SearchOptions:
    """The settings of the search for a translation."""

    beam_size: int = 4
    length_penalty: float = 1.0
    repetition_penalty: float = 1.0
    #: No sequence of this many tokens occurs twice; 0 allows repetition.
    no_repeat_ngram_size: int = 0
    #: The least length, as a share of the source's.
    least_length: float = 0.0


@dataclass(frozen=True)
class SourceText:
    """A text to translate; languages as FLORES-200 codes."""

    text: str
    source: str
    target: str


@dataclass(frozen=True)
class Hypothesis:
    """A translation; `score` is the mean log probability of its tokens, None when it has none."""

    text: str
    tokens: int
    source_tokens: int
    score: float | None


@dataclass(frozen=True)
class NllbSpec(ModelSpec):
    """A translator in CTranslate2's format, in a local folder (see `models.translators`).

    `tokenizer` is its tokenizer.json. `compute_type` "auto" is float16 on CUDA, int8 on the CPU.
    `max_tokens`: longer texts are translated in parts. `directions`: the pairs of FLORES codes it
    was made for, None for every pair.
    """

    purpose: ClassVar[str] = "translator"

    path: Path
    label: str
    digest: str
    tokenizer: Path
    compute_type: str = "auto"
    max_tokens: int = 200
    directions: tuple[tuple[str, str], ...] | None = None

    @property
    def name(self) -> str:
        return self.label

    @property
    def identity(self) -> str:
        return f"{self.digest}:{self.compute_type}"

    def memory_mb(self, device_kind: str) -> float:
        """1.25 times the size of the weights on disk, for a batch, plus the libraries."""
        weights = (self.path / "model.bin").stat().st_size / (1 << 20)
        return 1.25 * weights + _LIBRARIES_MB

    def load(self, device: Device, threads: int) -> Nllb:
        """Load onto `device`.

        Raises:
            ModelUnavailableError: cuBLAS or the device is missing, or files are damaged.
        """
        if device.kind == "cuda":
            cublas.preload_cublas()
        import ctranslate2

        tokenizer = load_tokenizer(self.tokenizer)
        try:
            translator = ctranslate2.Translator(
                str(self.path),
                device=device.kind,
                device_index=device.index if device.kind == "cuda" else 0,
                compute_type=compute_type_for(device, self.compute_type),
                intra_threads=threads,
                inter_threads=1,
            )
        except Exception as error:
            if is_out_of_memory(error):
                raise
            raise ModelUnavailableError(
                f"translator {self.name!r} cannot be loaded on {device} from {self.path}: {error}; "
                "remove the folder and fetch it again (reelmill models pull), "
                "or use another --translator or --device"
            ) from error
        return Nllb(translator, tokenizer, self)

    def warm_up(self, model: Nllb) -> None:
        source, target = self.directions[0] if self.directions else ("eng_Latn", "kor_Hang")
        model.translate([SourceText("Yes.", source, target)], SearchOptions(beam_size=1))


def load_tokenizer(file: Path) -> Any:
    """A `tokenizers.Tokenizer` of NLLB's kind.

    Raises:
        ModelUnavailableError: it cannot be read, or has no language codes.
    """
    import tokenizers

    try:
        tokenizer = tokenizers.Tokenizer.from_file(str(file))
    except Exception as error:  # tokenizers raises a bare Exception for what it cannot read
        if is_out_of_memory(error):
            raise
        raise ModelUnavailableError(
            f"{file} is not a readable tokenizer ({error}); copy tokenizer.json of "
            "facebook/nllb-200-distilled-600M there: all NLLB-200 models share it"
        ) from error
    if tokenizer.token_to_id("eng_Latn") is None or tokenizer.token_to_id(_END) is None:
        raise ModelUnavailableError(
            f"{file} has no language codes such as eng_Latn: it is not NLLB's tokenizer; "
            "copy tokenizer.json of facebook/nllb-200-distilled-600M there"
        )
    return tokenizer


class Nllb:
    """A loaded translator. Errors of CTranslate2, including out of memory, are passed on
    unchanged."""

    def __init__(self, translator: Any, tokenizer: Any, spec: NllbSpec) -> None:
        """Wrap a `ctranslate2.Translator` and its `tokenizers.Tokenizer`."""
        self._translator = translator
        self._tokenizer = tokenizer
        self._spec = spec

    @property
    def max_tokens(self) -> int:
        """The longest text, in tokens, that is translated at once."""
        return self._spec.max_tokens

    def count(self, text: str) -> int:
        """The number of tokens in a text."""
        return len(self._pieces(text))

    def translate(self, texts: Sequence[SourceText], options: SearchOptions) -> list[Hypothesis]:
        """Translate texts of any languages together; no text's result depends on its neighbours.

        A text of nothing but spaces gives an empty hypothesis.

        Raises:
            InputError: the model does not support a language.
        """
        pieces = [self._pieces(text.text) for text in texts]
        found: list[Hypothesis] = [Hypothesis("", 0, len(tokens), None) for tokens in pieces]
        # A call has one least and one greatest length for all texts.
        by_limits: dict[tuple[int, int], list[int]] = {}
        for index, tokens in enumerate(pieces):
            if tokens:
                by_limits.setdefault(_limits(len(tokens), options), []).append(index)
        for (least, most), rows in by_limits.items():
            results = self._translator.translate_batch(
                [[self._language(texts[i].source), *pieces[i], _END] for i in rows],
                target_prefix=[[self._language(texts[i].target)] for i in rows],
                max_batch_size=_MOST_TOKENS,
                batch_type="tokens",
                beam_size=options.beam_size,
                length_penalty=options.length_penalty,
                repetition_penalty=options.repetition_penalty,
                no_repeat_ngram_size=options.no_repeat_ngram_size,
                min_decoding_length=least,
                max_decoding_length=most,
                max_input_length=0,
                disable_unk=True,
                return_scores=True,
            )
            for index, result in zip(rows, results, strict=True):
                found[index] = self._hypothesis(result, len(pieces[index]))
        return found

    def _pieces(self, text: str) -> list[str]:
        if not text.strip():
            return []
        return list(self._tokenizer.encode(text.strip(), add_special_tokens=False).tokens)

    def _language(self, code: str) -> str:
        if self._tokenizer.token_to_id(code) is None:
            raise InputError(
                f"translator {self._spec.name!r} does not know the language {code}; "
                "use another --translator"
            )
        return code

    def _hypothesis(self, result: Any, source_tokens: int) -> Hypothesis:
        tokens = result.hypotheses[0][1:]  # the language comes first
        ids = [self._tokenizer.token_to_id(token) for token in tokens]
        text = self._tokenizer.decode([one for one in ids if one is not None])
        return Hypothesis(text.strip(), len(tokens), source_tokens, round(result.scores[0], 4))


def _limits(tokens: int, options: SearchOptions) -> tuple[int, int]:
    """The least and the most tokens of a translation, the language's included.

    They depend on the power of two above the source's length, so that a batch needs few calls.
    """
    bucket = max(16, 1 << (tokens - 1).bit_length())
    return 1 + int(bucket / 2 * options.least_length), _LENGTH_FACTOR * bucket + _LENGTH_ROOM
