"""Runs on real processes while a scripted device is busy, full, gone and back again.

The toy models always compute on the CPU; the metrics show which device they were assigned. These
tests check that nothing is lost.
"""

from __future__ import annotations

import asyncio
import json
from importlib import resources
from pathlib import Path
from typing import Any

from reelmill.engine.config import Intervals
from reelmill.engine.execution.coordinator import Coordinator
from reelmill.engine.execution.planning import Source
from reelmill.engine.pipeline import Pipeline
from reelmill.engine.stage import Device
from reelmill.engine.telemetry.events import ignore
from reelmill.engine.telemetry.metrics import RunSummary
from reelmill.models.speakers.files import segmentation_spec
from reelmill.stages.media.decode import Decode
from reelmill.stages.media.probe import Probe
from reelmill.stages.speakers.segment_speakers import SegmentSpeakers
from reelmill.stages.speech.detect_speech import DetectSpeech
from tests.engine.toys import toy_config, toy_pipeline, toy_sources
from tests.faults.devices import Card, ScriptedDevices

GPU = (Device("cuda", 0),)
TEXTS = {f"통화 {at}.txt": " ".join(f"w{at}" for _ in range(12)) for at in range(40)}


#: Twenty samples a second, and a minute that is half a second long.
FAST = Intervals(sample=0.05, tell=0.05, look_at_devices=0.5, away_from_device=0.5)


class Scene:
    """A folder through which the toy models report their device and get commands."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "scene"
        self.folder.mkdir()
        self.set("slow", True)

    def set(self, name: str, on: bool) -> None:
        path = self.folder / name
        path.touch() if on else path.unlink(missing_ok=True)

    @property
    def devices(self) -> list[str]:
        """The device of each model worker, in the order of their first batches. A worker that is
        left may still finish a batch after the next has begun."""
        path = self.folder / "devices"
        lines = path.read_text().splitlines() if path.exists() else []
        return [line.split()[0] for line in dict.fromkeys(lines)]


def run(
    tmp_path: Path, scene: Scene, devices: ScriptedDevices, config: dict[str, Any] | None = None
) -> RunSummary:
    out, log = tmp_path / "out", tmp_path / "log"
    log.touch()
    sources = toy_sources(tmp_path / "in", TEXTS)
    settings = {"devices": GPU, "devices_automatic": True, "max_batch": 4, "intervals": FAST}
    settings |= config or {}
    running = Coordinator(
        toy_pipeline(out, log, scene=scene.folder), toy_config(out, **settings), ignore, devices
    )
    summary = asyncio.run(asyncio.wait_for(running.run(sources), 240))
    assert [outcome.failure for outcome in summary.outcomes if outcome.failure] == []
    return summary


def all_right(tmp_path: Path) -> bool:
    results = {path.stem: path.read_text() for path in (tmp_path / "out").glob("*.up")}
    expected = {
        Path(name).stem: " ".join(f"{word.upper()}{at}" for at, word in enumerate(text.split()))
        for name, text in TEXTS.items()
    }
    merged = (tmp_path / "log").read_text().count("merge")
    return results == expected and merged == len(TEXTS)


def test_a_gpu_that_others_need_is_left_and_used_again_without_losing_work(tmp_path: Path) -> None:
    # proves: G6 G12
    scene = Scene(tmp_path)

    def others(samples: int, cards: list[Card]) -> None:
        cards[0].foreign_mb = 920.0 if scene.devices == ["cuda:0"] else 0.0
        if scene.devices == ["cuda:0", "cpu", "cuda:0"]:
            scene.set("slow", False)

    summary = run(tmp_path, scene, ScriptedDevices(script=others))
    assert summary.count("done") == len(TEXTS) and all_right(tmp_path)
    assert scene.devices == ["cuda:0", "cpu", "cuda:0"]
    assert any("other programs" in warning for warning in summary.warnings)
    assert any("can be used again" in note for note in summary.notes)


def test_a_gpu_that_disappears_fails_no_recording(tmp_path: Path) -> None:
    # proves: G6 G10
    scene = Scene(tmp_path)

    def away(samples: int, cards: list[Card]) -> None:
        cards[0].present = scene.devices != ["cuda:0"]
        if scene.devices == ["cuda:0", "cpu", "cuda:0"]:
            scene.set("slow", False)

    summary = run(tmp_path, scene, ScriptedDevices(script=away))
    assert summary.count("done") == len(TEXTS) and all_right(tmp_path)
    assert scene.devices == ["cuda:0", "cpu", "cuda:0"]
    assert any("no longer available" in warning for warning in summary.warnings)


def test_out_of_memory_three_times_moves_to_the_cpu_and_back_when_there_is_room(
    tmp_path: Path,
) -> None:
    # proves: G4 G6
    scene = Scene(tmp_path)
    scene.set("full", True)

    def full(samples: int, cards: list[Card]) -> None:
        is_full = scene.devices == []
        scene.set("full", is_full)
        cards[0].used_mb = 940.0 if is_full else 100.0
        if scene.devices == ["cpu", "cuda:0"]:
            scene.set("slow", False)

    summary = run(tmp_path, scene, ScriptedDevices(script=full), {"devices_automatic": False})
    assert summary.count("done") == len(TEXTS) and all_right(tmp_path)
    assert scene.devices == ["cpu", "cuda:0"]
    assert any("three times" in warning for warning in summary.warnings)
    assert any("returns to cuda:0" in note for note in summary.notes)


def test_onnx_networks_without_cuda_run_on_the_cpu_beside_a_gpu(tmp_path: Path) -> None:
    # proves: G16 G19
    sample = Path(str(resources.files("reelmill"))) / "assets" / "samples" / "voicemail.wav"
    stages = [Probe(), Decode(), DetectSpeech(), SegmentSpeakers(segmentation_spec("default"))]
    running = Coordinator(
        Pipeline("speakers", stages),
        toy_config(tmp_path / "out", devices=GPU),
        ignore,
        ScriptedDevices(),
    )
    summary = asyncio.run(running.run([Source(sample, "voicemail")]))
    assert summary.count("done") == 1
    (told,) = [note for note in summary.notes if "speaker segmentation" in note]
    assert told.startswith("on the CPU:") and "onnxruntime-gpu" in told


def test_a_full_gpu_halves_the_batches_at_once_and_then_stops_the_run(tmp_path: Path) -> None:
    # proves: G5 G7 G12
    scene = Scene(tmp_path)

    def filling(samples: int, cards: list[Card]) -> None:
        cards[0].used_mb = 970.0 if scene.devices else 100.0

    settings = {"devices_automatic": False}
    summary = run(tmp_path, scene, ScriptedDevices(script=filling), settings)
    assert summary.stopped is not None and "97%" in summary.stopped and "kept" in summary.stopped
    assert any("smaller batches on cuda:0: shout 2" in warning for warning in summary.warnings)
    assert any("released" in warning for warning in summary.warnings)
    assert any("idle CPU workers" in warning for warning in summary.warnings)
    assert summary.count("failed") == 0 and summary.count("waiting") > 0
    scene.set("slow", False)
    again = run(tmp_path, scene, ScriptedDevices())
    assert again.count("done") == len(TEXTS) and all_right(tmp_path)


def test_two_gpus_share_the_work_and_one_can_be_lost(tmp_path: Path) -> None:
    # proves: G16 G6
    scene = Scene(tmp_path)

    def one_leaves(samples: int, cards: list[Card]) -> None:
        cards[0].present = not {"cuda:0", "cuda:1"} <= set(scene.devices)
        if not cards[0].present:
            scene.set("slow", False)

    both = {"devices": (Device("cuda", 0), Device("cuda", 1))}
    summary = run(tmp_path, scene, ScriptedDevices([Card(0), Card(1)], one_leaves), both)
    assert summary.count("done") == len(TEXTS) and all_right(tmp_path)
    items = {worker.device: worker.items for worker in summary.model_workers}
    assert items["cuda:0"] > 0 and items["cuda:1"] > 0 and "cpu" not in items


def test_batch_sizes_follow_the_memory_in_use(tmp_path: Path) -> None:
    # proves: G3 G5
    scene = Scene(tmp_path)
    scene.set("slow", False)
    scene.set("cuda:0", True)

    def filling(samples: int, cards: list[Card]) -> None:
        sizes = [batch["batch_size"] for batch in batches(tmp_path)]
        if sizes and cards[0].used_mb == 100.0:
            cards[0].used_mb = 850.0  # as soon as there is a first batch
        if sizes and sizes[-1] <= 2 and max(sizes) > 2:
            cards[0].used_mb = 400.0
        if sizes and sizes[-1] > min(sizes):
            scene.set("cuda:0", False)

    settings = {"batch_size": 8, "max_batch": 8, "devices_automatic": False}
    summary = run(tmp_path, scene, ScriptedDevices(script=filling), settings)
    assert summary.count("done") == len(TEXTS) and all_right(tmp_path)
    sizes = [batch["batch_size"] for batch in batches(tmp_path)]
    changes = [size for at, size in enumerate(sizes) if not at or size != sizes[at - 1]]
    assert changes[:3] == [8, 4, 2], "halved at 80 %"
    assert 3 in changes[3:], "and larger again at 50 %"
    for size in (4, 2, 3):
        assert sizes.index(size) % 5 == 0, "looked at every five batches"


def test_a_slow_gpu_does_not_hold_up_a_fast_one(tmp_path: Path) -> None:
    # proves: G16
    scene = Scene(tmp_path)
    scene.set("slow", False)
    (scene.folder / "cuda:0").write_text("4")  # slower than the other on any machine
    both = {"devices": (Device("cuda", 0), Device("cuda", 1))}
    summary = run(tmp_path, scene, ScriptedDevices([Card(0), Card(1)]), both)
    assert summary.count("done") == len(TEXTS) and all_right(tmp_path)
    slow, fast = summary.model_workers
    assert slow.items > 0 and fast.items > 3 * slow.items
    late = [one for one in batches(tmp_path) if one["worker"] == slow.worker]
    ended = max(one["started"] + one["seconds"] for one in batches(tmp_path) if one not in late)
    assert sum(one["started"] > ended for one in late) <= 1, "they end together"


def batches(tmp_path: Path) -> list[dict[str, Any]]:
    """The batches of the metrics file so far."""
    files = sorted((tmp_path / "out" / ".cache" / "runs").glob("*.jsonl"))
    lines = files[-1].read_text().splitlines() if files else []
    events = [json.loads(line) for line in lines if line.endswith("}")]
    return [event for event in events if event["event"] == "batch"]
