"""Runs to report about: one like a real one, one with nothing, one with very much."""

from __future__ import annotations

from pathlib import Path

from reelmill.engine.telemetry.metrics import (
    FileOutcome,
    MemoryUse,
    ModelWorkerTotals,
    RunSummary,
    StageTotals,
)
from reelmill.errors import Failure

CALLS = "/home/kim/통화"
_NAMES = [
    (
        "통화 녹음 신기연_250603_201127.m4a",
        "ko",
        158.2,
        "여보세요, 김민수입니다. 내일 세 시에 만나요.",
    ),
    (
        "통화 녹음 홍길동_250604_091500.m4a",
        "ko",
        4140.0,
        "네, 지난번에 말씀드린 그 돈 문제 때문에요.",
    ),
    ("meeting & notes <draft>.wav", "en", 61.0, "Good morning. Let us begin with the money."),
    ("もしもし.ogg", "ja", 33.4, "もしもし、あしたの かいぎの けんです。"),
    ("call 100% #7?.mp3", "en", 754.9, "I will call you back at nine."),
    ("-dash first.m4a", "en", 12.1, "Yes."),
]
_PLACE = f"{CALLS}/6월"


def _outcome(name: str, language: str, seconds: float) -> FileOutcome:
    outputs = [f"6월/{name.rpartition('.')[0]}.{s}" for s in ("json", "txt", "srt", "vtt", "tsv")]
    return FileOutcome(
        f"{_PLACE}/{name}", name, "done", seconds, seconds / 9, False, None, [], outputs, language
    )


def _failed(name: str, failure: Failure) -> FileOutcome:
    return FileOutcome(f"{_PLACE}/{name}", name, "failed", None, 0.3, False, failure)


def real_run() -> RunSummary:
    """Six recordings done, one of them before; one broken; a retry and a warning."""
    outcomes = [_outcome(name, language, seconds) for name, language, seconds, _ in _NAMES]
    outcomes[3].reused = True
    broken = Failure(
        "decode",
        "input",
        f"{_PLACE}/깨진 파일.m4a: ends in the middle of its index (moov atom not found)",
    )
    outcomes.append(_failed("깨진 파일.m4a", broken))
    stages = [
        StageTotals("decode", 5, 1, 1, 0, 0, 21.4, display_name="Decoding the sound"),
        StageTotals("speech", 5, 1, 0, 0, 0, 33.9, display_name="Finding speech"),
        StageTotals("language", 5, 1, 0, 6, 2, 0.4, 3.1, display_name="Detecting the language"),
        StageTotals("transcribe", 5, 1, 0, 412, 22, 4.6, 251.7, display_name="Recognizing speech"),
        StageTotals("export", 5, 1, 0, 0, 0, 0.2, display_name="Writing the results"),
    ]
    model_workers = [
        ModelWorkerTotals(
            "transcribe-0", "large-v3", "cuda:0", 22, 412, 251.7, 9.1, 264.0, 1, 4812.0
        )
    ]
    return RunSummary(
        pipeline="voice",
        started="2026-11-01T14:02:11+0900",
        seconds=271.4,
        version="0.1.0",
        device="cuda:0",
        device_reason="NVIDIA GeForce RTX 4070, 12 GB, 91 % of its memory free",
        models={"recognizer large-v3": "large-v3"},
        workers=18,
        batch_size=20,
        outcomes=outcomes,
        stages=stages,
        model_workers=model_workers,
        host_memory=MemoryUse(6144.0, 4096.0, 32768.0),
        device_memory=MemoryUse(7030.0, 6120.0, 12288.0),
        device_utilization=91.3,
        cpu_percent=44.0,
        warnings=["device memory in use 83 %: batch size 20 -> 10"],
    )


def write_texts(out: Path) -> None:
    """The text exports of `real_run`, for first words."""
    for name, _, _, words in _NAMES:
        path = out / "6월" / f"{name.rpartition('.')[0]}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(words + "\n", encoding="utf-8")


def empty_run() -> RunSummary:
    return RunSummary(
        "voice", "2026-11-01T14:02:11+0000", 0.2, "0.1.0", "cpu", "", {}, 1, 20, [], [], []
    )


def large_run(recordings: int) -> RunSummary:
    run = real_run()
    run.outcomes = [
        _outcome(f"통화 녹음 신기연_250603_{number:06}.m4a", "ko", 158.0)
        for number in range(recordings)
    ]
    return run
