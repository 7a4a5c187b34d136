"""The models with names of their own, and the choice of one that fits a device."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

ModelKind = Literal["whisper", "aligner", "translator"]

#: The small models that come with the package, one per kind.
DEMO = "demo"


@dataclass(frozen=True)
class CatalogEntry:
    """A known model.

    `repository` is None for the shipped demo models. Sizes in MB; `cuda_mb` (float16) and
    `cpu_mb` (int8) are what the weights and a batch of about 20 windows need, roughly: they
    choose a model, the engine measures the truth. `n_mels` is 0 where a model takes no mels.
    """

    name: str
    kind: ModelKind
    repository: str | None
    download_mb: int
    cuda_mb: int
    cpu_mb: int
    n_mels: int = 0
    note: str = ""


def _whisper(
    name: str, repository: str | None, sizes: tuple[int, int, int], n_mels: int = 80, note: str = ""
) -> CatalogEntry:
    download_mb, cuda_mb, cpu_mb = sizes
    return CatalogEntry(name, "whisper", repository, download_mb, cuda_mb, cpu_mb, n_mels, note)


_TINY, _BASE, _SMALL = (78, 1_000, 500), (148, 1_300, 700), (488, 2_500, 1_500)
_MEDIUM, _LARGE, _TURBO = (1_530, 6_500, 3_000), (3_090, 10_000, 5_000), (1_620, 6_000, 3_000)
_ENGLISH = "English only"

#: Meta's NLLB-200, converted to CTranslate2 int8 by others. Weights CC-BY-NC 4.0.
_NLLB_NOTE = "200 languages, CC-BY-NC"


def _nllb(name: str, owner: str, sizes: tuple[int, int, int]) -> CatalogEntry:
    download_mb, cuda_mb, cpu_mb = sizes
    repository = f"{owner}/{name}-ct2-int8"
    return CatalogEntry(
        name, "translator", repository, download_mb, cuda_mb, cpu_mb, note=_NLLB_NOTE
    )


_WHISPER_ENTRIES: tuple[CatalogEntry, ...] = (
    _whisper(DEMO, None, (0, 400, 300), note="shipped; tiny closed vocabulary, for demos"),
    _whisper("tiny", "Systran/faster-whisper-tiny", _TINY),
    _whisper("tiny.en", "Systran/faster-whisper-tiny.en", _TINY, note=_ENGLISH),
    _whisper("base", "Systran/faster-whisper-base", _BASE),
    _whisper("base.en", "Systran/faster-whisper-base.en", _BASE, note=_ENGLISH),
    _whisper("small", "Systran/faster-whisper-small", _SMALL),
    _whisper("small.en", "Systran/faster-whisper-small.en", _SMALL, note=_ENGLISH),
    _whisper("medium", "Systran/faster-whisper-medium", _MEDIUM),
    _whisper("medium.en", "Systran/faster-whisper-medium.en", _MEDIUM, note=_ENGLISH),
    _whisper("large-v1", "Systran/faster-whisper-large-v1", _LARGE),
    _whisper("large-v2", "Systran/faster-whisper-large-v2", _LARGE),
    _whisper("large-v3", "Systran/faster-whisper-large-v3", _LARGE, 128),
    _whisper("large", "Systran/faster-whisper-large-v3", _LARGE, 128, "the same as large-v3"),
    _whisper("large-v3-turbo", "mobiuslabsgmbh/faster-whisper-large-v3-turbo", _TURBO, 128),
    _whisper(
        "turbo",
        "mobiuslabsgmbh/faster-whisper-large-v3-turbo",
        _TURBO,
        128,
        "the same as large-v3-turbo",
    ),
    _whisper(
        "distil-small.en",
        "Systran/faster-distil-whisper-small.en",
        (340, 2_000, 1_200),
        note=_ENGLISH,
    ),
    _whisper(
        "distil-medium.en",
        "Systran/faster-distil-whisper-medium.en",
        (790, 4_000, 2_000),
        note=_ENGLISH,
    ),
    _whisper(
        "distil-large-v2",
        "Systran/faster-distil-whisper-large-v2",
        (1_520, 6_000, 3_000),
        note=_ENGLISH,
    ),
    _whisper(
        "distil-large-v3",
        "Systran/faster-distil-whisper-large-v3",
        (1_520, 6_000, 3_000),
        128,
        _ENGLISH,
    ),
    _whisper(
        "distil-large-v3.5",
        "distil-whisper/distil-large-v3.5-ct2",
        (1_520, 6_000, 3_000),
        128,
        _ENGLISH,
    ),
)
_TRANSLATOR_ENTRIES: tuple[CatalogEntry, ...] = (
    CatalogEntry(
        DEMO,
        "translator",
        None,
        0,
        500,
        300,
        note="shipped; demo vocabulary only: ja, en to ko; ja, ko to en",
    ),
    _nllb("nllb-200-distilled-600M", "JustFrederik", (640, 2_000, 1_300)),
    _nllb("nllb-200-distilled-1.3B", "OpenNMT", (1_400, 3_500, 2_200)),
    _nllb("nllb-200-1.3B", "JustFrederik", (1_400, 3_500, 2_200)),
    _nllb("nllb-200-3.3B", "OpenNMT", (3_400, 8_000, 4_800)),
)
_ENTRIES = _WHISPER_ENTRIES + _TRANSLATOR_ENTRIES

CATALOG: Mapping[tuple[ModelKind, str], CatalogEntry] = {
    (entry.kind, entry.name): entry for entry in _ENTRIES
}


def find(name: str, kind: ModelKind = "whisper") -> CatalogEntry | None:
    """The catalog's entry of that name, if there is one."""
    return CATALOG.get((kind, name))


def names(kind: ModelKind = "whisper") -> list[str]:
    return [entry.name for entry in _ENTRIES if entry.kind == kind]


def guess_kind(name: str) -> ModelKind:
    """What a model of that name does, from the catalog or from the name itself."""
    for kind in ("whisper", "translator"):
        if find(name, kind) is not None:
            return kind
    return "translator" if any(word in name.lower() for word in ("nllb", "m2m")) else "whisper"


@dataclass(frozen=True)
class Choice:
    """A chosen model, and the reason in one line for people."""

    name: str
    reason: str


#: Best first. One of these is chosen if the user names no model.
_BY_QUALITY = ("large-v3", "medium", "small", "base", "tiny")
#: The largest model chosen on a CPU. Larger ones are slower than most users will wait.
_LARGEST_ON_CPU = "small"


def choose_whisper(free_mb: float, device: str) -> Choice:
    """The best Whisper that fits into `free_mb` of memory free on `device` (`cpu` or `cuda[:n]`).

    On the CPU no larger than `small`. Users who have the time can name a larger one.
    """
    on_cpu = device.startswith("cpu")
    candidates = _BY_QUALITY[_BY_QUALITY.index(_LARGEST_ON_CPU) :] if on_cpu else _BY_QUALITY
    for name in candidates:
        need = _need(name, on_cpu)
        if free_mb >= need:
            return Choice(name, _reason(name, need, free_mb, device, on_cpu))
    last = candidates[-1]
    return Choice(
        last,
        f"{last}: the smallest model, because only {free_mb:,.0f} MB are free on {device} and it "
        f"needs about {_need(last, on_cpu):,} MB",
    )


def _need(name: str, on_cpu: bool) -> int:
    entry = CATALOG["whisper", name]
    return entry.cpu_mb if on_cpu else entry.cuda_mb


def _reason(name: str, need: int, free_mb: float, device: str, on_cpu: bool) -> str:
    reason = f"{name}: needs about {need:,} MB, {free_mb:,.0f} MB are free on {device}"
    if on_cpu and name == _LARGEST_ON_CPU:
        return f"{reason}; larger models are slow on a CPU, use --model to choose one"
    return reason


#: Free device memory in GB (10^9 bytes) with a recognizer and a translator, best first.
_PAIRS: tuple[tuple[float, str, str], ...] = (
    (12, "large-v3", "nllb-200-1.3B"),
    (8, "medium", "nllb-200-distilled-600M"),
    (0, "small", "nllb-200-distilled-600M"),
)
_MB_PER_GB = 1e9 / (1 << 20)


def choose_for_subtitles(free_mb: float, device: str) -> tuple[Choice, Choice]:
    """The recognizer and the translator for `free_mb` (2^20 bytes) free on `device`.

    On the CPU the smallest pair, whatever is free. Users who have the time can name larger ones.
    """
    free_gb = free_mb / _MB_PER_GB
    fitting = [pair for pair in _PAIRS if free_gb >= pair[0]]
    if device.startswith("cpu") or not fitting:
        fitting = [_PAIRS[-1]]
    least, recognizer, translator = fitting[0]
    if device.startswith("cpu"):
        why = "larger models are slow on a CPU, use --model and --translator to choose them"
    elif least:
        why = f"{free_gb:.1f} GB are free on {device}; it needs at least {least:g}"
    else:
        why = f"only {free_gb:.1f} GB are free on {device}; larger models need at least 8"
    return Choice(recognizer, f"{recognizer}: {why}"), Choice(translator, f"{translator}: {why}")
