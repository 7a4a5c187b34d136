"""The prepared GPU run, dry: every section on a CPU with tiny networks."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from benchmarks import gpu
from benchmarks.gpu_ask import FULL
from benchmarks.gpu_models import LARGE_V3, TURBO
from benchmarks.gpu_sections import SECTIONS
from reelmill.models.runtimes.cublas import Finding


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a dry run writes."""
    folder = tmp_path_factory.mktemp("gpu")
    file = folder / "gpu.json"
    assert gpu.main(["--dry-run", "--json", str(file), "--work", str(folder)]) == 0
    content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return content


def test_every_section_reports_its_result(told: dict[str, Any]) -> None:
    assert told["dry_run"] is True
    assert list(told["sections"]) == list(SECTIONS)
    for name, section in told["sections"].items():
        assert not {"failed", "cut", "skipped"} & set(section), (name, section)


@pytest.mark.parametrize("section", ["turbo", "large_v3"])
def test_both_engines_write_the_same_number_of_tokens_at_every_batch_size(
    told: dict[str, Any], section: str
) -> None:
    rows = told["sections"][section]["rows"]
    assert {(row["what"], row["batch"]) for row in rows} == {
        (what, batch) for what in ("reelmill", "faster-whisper batched") for batch in (1, 2)
    }
    assert {row["tokens"] for row in rows} == {told["sections"][section]["tokens_a_window"]}
    for row in rows:
        assert row["first and last window alike"]
        assert row["x real time, model"] > 0
        if row["what"] == "reelmill":
            assert row["encoder_share"] + row["decoder_share"] == pytest.approx(1, abs=0.01)


def test_out_of_memory_is_survived_with_smaller_batches(told: dict[str, Any]) -> None:
    section = told["sections"]["out_of_memory"]
    assert section["survived"] and "memory refused" in section["refused"][0]
    assert section["done"] == section["recordings"] == 2
    assert section["largest_batch"] < section["first_batch"]


def test_models_are_loaded_sequentially_and_replicas_share_the_work(told: dict[str, Any]) -> None:
    passes = told["sections"]["sequential"]["passes"]
    assert [one["model"].split()[-1] for one in passes] == ["turbo", "large-v3"]
    assert all(one["processes_left"] == [] for one in passes)
    workers = told["sections"]["replicas"]["2"]["model_workers"]
    assert len(workers) == 2


def test_a_section_reports_which_part_is_missing(tmp_path: Path) -> None:
    """The full run's sections, on a machine without CUDA."""
    file = tmp_path / "gpu.json"
    sections = ["turbo", "speakers"]
    assert gpu.main(["--json", str(file), "--work", str(tmp_path), "--only", *sections]) == 0
    told = json.loads(file.read_text(encoding="utf-8"))["sections"]
    assert "sees no CUDA device" in told["turbo"]["skipped"]
    assert "onnxruntime-gpu" in told["speakers"]["skipped"]


def test_a_section_that_overruns_keeps_its_results(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "turbo.json").write_text('{"rows": [1]}', encoding="utf-8")
    monkeypatch.setattr(gpu, "_GRACE_S", 0.0)
    told = gpu._in_own_process("turbo", 0.2, True, tmp_path)
    assert told["rows"] == [1] and "was ended" in told["cut"]


def test_the_benchmark_is_limited_to_eight_minutes_and_tries_batches_above_32() -> None:
    assert gpu.LIMIT_S <= 480
    assert FULL.batches[-1] > 1000 and FULL.engine_batch > 32
    assert (LARGE_V3.decoder_layers, TURBO.decoder_layers) == (32, 4)


def test_cublas_of_cuda_13_is_used_if_there_is_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel = tmp_path / "site" / "nvidia" / "cu13" / "lib"
    wheel.mkdir(parents=True)
    (wheel / "libcublas.so.13").write_bytes(b"cuBLAS")
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.setattr(gpu.cublas, "find_cublas", lambda: Finding("missing", None, "not here"))
    monkeypatch.setenv("LD_LIBRARY_PATH", "/before")
    monkeypatch.setattr("sys.path", [])
    assert gpu._lend_libraries(work) == "not here"
    monkeypatch.setattr("sys.path", [str(tmp_path / "site")])
    assert "libcublas.so.13" in gpu._lend_libraries(work)
    lent, libraries, before = os.environ["LD_LIBRARY_PATH"].split(":")
    assert (Path(lent) / "libcublas.so.12").read_bytes() == b"cuBLAS"
    assert (libraries, before) == (str(wheel), "/before")
