"""Real stages on an engine that runs share: same artifacts as alone, one recognizer for all."""

from __future__ import annotations

import tracemalloc
from importlib import resources
from pathlib import Path
from typing import Any

from reelmill import Engine, Run

SAMPLES = Path(str(resources.files("reelmill") / "assets" / "samples"))
OPTIONS: dict[str, Any] = {
    "model": "demo", "align": False, "diarizer": "none", "pages": False, "formats": ["json"],
}  # fmt: skip


def artifacts(out: Path) -> dict[str, bytes]:
    """What the stages made of the contents of recordings, and the results."""
    made = (out / ".cache" / "artifacts").rglob("*.json")
    kept = [path for path in made if path.parents[1].name != "named"]  # these name the folder
    return {str(path.relative_to(out)): path.read_bytes() for path in [*kept, *out.glob("v*.json")]}


def test_runs_in_different_languages_share_a_recognizer_and_give_the_same_as_alone(
    tmp_path: Path,
) -> None:
    paths = [SAMPLES / "voicemail.wav"]
    with Engine(device="cpu:1") as engine:
        runs = {
            language: Run(
                "voice", paths, out=tmp_path / language, language=language, engine=engine,
                priority=priority, **OPTIONS,
            ).start()
            for priority, language in enumerate(("en", "ko"))
        }  # fmt: skip
        for run in runs.values():
            assert run.wait(120).count("done") == 1
        models = [worker.model for worker in engine.snapshot().model_workers]
    assert models == ["recognizer demo"]
    with Run("voice", paths, out=tmp_path / "alone", language="ko", device="cpu", **OPTIONS):
        pass
    alone = artifacts(tmp_path / "alone")
    assert alone == artifacts(tmp_path / "ko")
    assert "voicemail.json" in alone and alone != artifacts(tmp_path / "en")


def test_a_run_that_begins_on_an_open_engine_needs_little_memory(tmp_path: Path) -> None:
    """Each thread that starts runs, as those of a server do, keeps the most memory that it ever
    took. It was 9 MB: the model's files, read for their digest, and its vocabulary."""
    with Engine(device="cpu:1") as engine:
        runs = [Run("voice", out=tmp_path / one, engine=engine, **OPTIONS) for one in ("a", "b")]
        runs[0].start()
        tracemalloc.start()
        try:
            runs[1].start()
            _, most = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        for run in runs:
            run.wait(180)
    assert most < 1 << 20
