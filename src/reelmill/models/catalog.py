"""The models that have a name of their own, and which one fits a device."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

ModelKind = Literal["whisper", "aligner", "translator"]

#: The small models that come with the package, one a kind.
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

_ENTRIES: tuple[CatalogEntry, ...] = (
    _whisper(DEMO, None, (0, 400, 300), note="shipped, tiny closed vocabulary, for trying out"),
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

CATALOG: Mapping[tuple[ModelKind, str], CatalogEntry] = {
    (entry.kind, entry.name): entry for entry in _ENTRIES
}


def find(name: str, kind: ModelKind = "whisper") -> CatalogEntry | None:
    """The catalog's entry of that name, if it has one."""
    return CATALOG.get((kind, name))


def names(kind: ModelKind = "whisper") -> list[str]:
    return [entry.name for entry in _ENTRIES if entry.kind == kind]


@dataclass(frozen=True)
class Choice:
    """A chosen model and, in one line for people, why."""

    name: str
    reason: str


#: Best first; what is chosen when the user names no model.
_BY_QUALITY = ("large-v3", "medium", "small", "base", "tiny")
#: A CPU computes the larger ones slower than most users will wait.
_LARGEST_ON_CPU = "small"


def choose_whisper(free_mb: float, device: str) -> Choice:
    """The best Whisper that fits into `free_mb` of memory free on `device` (`cpu` or `cuda[:n]`).

    On the CPU no larger than `small`: whoever has the time names a larger one.
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
        f"{last}: the smallest, for only {free_mb:,.0f} MB are free on {device} "
        f"and it would like {_need(last, on_cpu):,} MB",
    )


def _need(name: str, on_cpu: bool) -> int:
    entry = CATALOG["whisper", name]
    return entry.cpu_mb if on_cpu else entry.cuda_mb


def _reason(name: str, need: int, free_mb: float, device: str, on_cpu: bool) -> str:
    reason = f"{name}: needs about {need:,} MB, {free_mb:,.0f} MB are free on {device}"
    if on_cpu and name == _LARGEST_ON_CPU:
        return f"{reason}; larger ones are slow on a CPU, name one with --model to use it"
    return reason
