"""Check what a run leaves behind."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.chaos.scenes import Scene, failures
from reelmill.evidence.verify import verify
from tests.faults.kit import MarkedRun, artifacts, leftovers, shared_memory

#: On a busy machine a starting process takes a moment to notice that it is an orphan.
_GONE_WITHIN_S = 10.0
#: Reports about a run and not about a recording.
_REPORTS = {
    "report.html",
    "performance_report.json",
    "failed_files.json",
    "evidence.json",
    "manifest.sha256",
}


def results(out: Path) -> dict[str, bytes]:
    """Every result and every artifact (with the files beside it), by path."""
    found = {}
    for path in out.rglob("*"):
        place = path.relative_to(out)
        is_artifact = place.parts[:2] == (".cache", "artifacts")
        is_result = place.parts[0] != ".cache" and place.name not in _REPORTS
        if path.is_file() and (is_artifact or is_result) and str(path) not in _half(out):
            found[str(place)] = path.read_bytes()
    return found


def _half(out: Path) -> set[str]:
    return set(leftovers(out))


@dataclass
class Quiet:
    """An undisturbed run, whose results every other run must have."""

    results: dict[str, bytes]
    failed: list[tuple[str, str]]
    exit_code: int

    @classmethod
    def of(cls, out: Path, exit_code: int) -> Quiet:
        return cls(results(out), sorted(failures(out)), exit_code)

    def of_recording(self, name: str) -> dict[str, bytes]:
        """The results (not the artifacts) of one recording, by the file's name."""
        stem = Path(name).stem
        return {
            place: data
            for place, data in self.results.items()
            # pages tell of the run that wrote them
            if Path(place).parts[0].startswith(stem) and not place.endswith(".html")
        }


@dataclass
class Watch:
    """Looks at an output folder after every life, and remembers."""

    scene: Scene
    quiet: Quiet
    out: Path
    shared: set[str] = field(default_factory=shared_memory)
    made: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    def after(self, run: MarkedRun, faults: Path, exit_code: int) -> list[str]:
        """Errors after a run has ended, in any way."""
        wrong = []
        if left := run.survivors(within=_GONE_WITHIN_S):
            wrong.append(f"processes left: {left}")
        if left := shared_memory() - self.shared:
            wrong.append(f"shared memory left: {sorted(left)}")
        descriptors = faults / "descriptors"
        if descriptors.exists() and (text := descriptors.read_text()):
            wrong.append(f"file descriptors left: {text}")
        # "internal error (...)" is how a run reports a recording at which a stage fails on purpose.
        if "Traceback" in run.stderr or "reelmill: internal error" in run.stderr:
            wrong.append(f"an error of ours: {run.stderr[-1500:]}")
        wrong += self._results(exit_code)
        wrong += self._made_twice()
        if exit_code in (0, 1):
            wrong += self._right_or_reported(exit_code)
        return wrong

    def _results(self, exit_code: int) -> list[str]:
        """Results that exist must be correct, whatever happened."""
        return [
            f"{place}: " + ("differs" if place in self.quiet.results else "nobody asked for it")
            for place, data in results(self.out).items()
            # Notes on files for people name the command and the pages; the files are compared.
            if place.endswith((".json", ".up", ".txt", ".srt", ".vtt", ".tsv"))
            and "/artifacts/named/" not in place
            and self.quiet.results.get(place) != data
        ]

    def _made_twice(self) -> list[str]:
        """Decoded sound counts while it is there: it is removed when its recording has ended, and
        made again when a later run tries a failed recording once more."""
        now = artifacts(self.out)
        again = [path for path, at in self.made.items() if now.get(path) != at]
        self.made = {path: at for path, at in now.items() if not _is_without_sound(Path(path))}
        return [f"{path}: made a second time" for path in again]

    def _right_or_reported(self, exit_code: int) -> list[str]:
        told = failures(self.out)
        wrong = [
            f"{name}: reported twice" for name, n in Counter(n for n, _ in told).items() if n > 1
        ]
        reported = {name for name, _ in told}
        there = results(self.out)
        for path in sorted(self.scene.folder.iterdir()):
            is_right = self.quiet.of_recording(path.name).items() <= there.items()
            if path.name in self.scene.poison:
                if path.name not in reported:
                    wrong.append(f"{path.name}: cannot be right, and is not reported")
            elif path.name not in reported and not is_right:
                wrong.append(f"{path.name}: lost: neither right nor reported")
        if bool(reported) != (exit_code == 1):
            wrong.append(f"exit code {exit_code} with {len(reported)} failures")
        report = json.loads((self.out / "performance_report.json").read_text(encoding="utf-8"))
        total = len(list(self.scene.folder.iterdir()))
        if report["total_files"] != total:
            wrong.append(f"the report counts {report['total_files']} of {total} recordings")
        return wrong

    def at_the_end(self, exit_code: int) -> list[str]:
        """After a last undisturbed run, everything must be as in the first."""
        wrong, there = [], results(self.out)
        wrong += [f"{place}: lost" for place in self.quiet.results.keys() - there.keys()]
        wrong += [f"{place}: too much" for place in there.keys() - self.quiet.results.keys()]
        wrong += [f"{path}: left behind" for path in leftovers(self.out)]
        if exit_code != self.quiet.exit_code:
            wrong.append(f"the last run ends with {exit_code}, not {self.quiet.exit_code}")
        if sorted(failures(self.out)) != self.quiet.failed:
            wrong.append(f"failures {failures(self.out)} are not {self.quiet.failed}")
        if self.scene.name == "voice" and verify(self.out).exit_code:
            wrong += ["verify: " + line for line in verify(self.out).lines()]
        return wrong


def _is_without_sound(artifact: Path) -> bool:
    return artifact.name.startswith("decode-") and not artifact.with_suffix(".pcm").exists()
