"""The checks of `benchmarks/chaos` find the errors they look for."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from benchmarks.chaos.checks import Quiet, Watch
from benchmarks.chaos.scenes import Toy


@dataclass
class Ended:
    """A run that has ended without a word."""

    stderr: str = ""
    left: list[int] = field(default_factory=list)

    def survivors(self, within: float) -> list[int]:
        return self.left


def write_run(scene: Toy, out: Path) -> None:
    """Write what a run would write after finding the crashing items."""
    failed = [{"file": f"/in/{name}", "kind": kind} for name, kind in scene.poison.items()]
    artifacts = out / ".cache" / "artifacts"
    artifacts.mkdir(parents=True)
    for path in scene.folder.iterdir():
        (artifacts / f"{path.stem}.json").write_text("{}")
        if path.name not in scene.poison:
            (out / f"{path.stem}.up").write_text(path.stem)
    (out / "failed_files.json").write_text(json.dumps(failed))
    total = len(list(scene.folder.iterdir()))
    (out / "performance_report.json").write_text(json.dumps({"total_files": total}))


def lose(scene: Toy, out: Path) -> None:
    (out / f"{good(scene)}.up").unlink()


def garble(scene: Toy, out: Path) -> None:
    (out / f"{good(scene)}.up").write_text("half")


def double(scene: Toy, out: Path) -> None:
    (out / f"{good(scene)} (2).up").write_text(good(scene))


def make_again(scene: Toy, out: Path) -> None:
    path = out / ".cache" / "artifacts" / f"{good(scene)}.json"
    path.unlink()
    path.write_text("{}")


def report_none(scene: Toy, out: Path) -> None:
    (out / "failed_files.json").write_text("[]")


def report_twice(scene: Toy, out: Path) -> None:
    path = out / "failed_files.json"
    path.write_text(json.dumps(2 * json.loads(path.read_text())))


def leave_half(scene: Toy, out: Path) -> None:
    (out / ".a.up.12-3.reelmill-part").touch()


def good(scene: Toy) -> str:
    return next(p.stem for p in sorted(scene.folder.iterdir()) if p.name not in scene.poison)


@pytest.fixture
def scene(tmp_path: Path) -> Toy:
    scene = Toy(tmp_path, random.Random(2))
    assert scene.poison
    return scene


def looked_at(scene: Toy, tmp_path: Path, harm: Callable[[Toy, Path], None] | None) -> list[str]:
    quiet, out = tmp_path / "quiet", tmp_path / "out"
    write_run(scene, quiet)
    write_run(scene, out)
    watch = Watch(scene, Quiet.of(quiet, 1), out)
    assert watch.after(Ended(), tmp_path, 1) == []  # type: ignore[arg-type]
    if harm is not None:
        harm(scene, out)
    found = watch.after(Ended(), tmp_path, 1)  # type: ignore[arg-type]
    return found + watch.at_the_end(1)


def test_a_correct_run_has_no_complaints(scene: Toy, tmp_path: Path) -> None:
    assert looked_at(scene, tmp_path, None) == []


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        (lose, "lost"),
        (garble, "differs"),
        (double, "nobody asked for it"),
        (make_again, "made a second time"),
        (report_none, "not reported"),
        (report_twice, "reported twice"),
        (leave_half, "left behind"),
    ],
)
def test_every_kind_of_error_is_detected(
    scene: Toy, tmp_path: Path, harm: Callable[[Toy, Path], None], told: str
) -> None:
    assert any(told in text for text in looked_at(scene, tmp_path, harm))


def test_remaining_processes_and_descriptors_are_detected(scene: Toy, tmp_path: Path) -> None:
    write_run(scene, tmp_path / "out")
    watch = Watch(scene, Quiet.of(tmp_path / "out", 1), tmp_path / "out")
    (tmp_path / "descriptors").write_text("/somewhere")
    found = watch.after(Ended("Traceback", [7]), tmp_path, 1)  # type: ignore[arg-type]
    for told in ("processes left: [7]", "/somewhere", "an error of ours"):
        assert any(told in text for text in found)
