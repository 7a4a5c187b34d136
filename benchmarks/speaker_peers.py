"""Who speaks when, the same networks several ways, each a process of its own.

    python -m benchmarks.speaker_peers reelmill|loop|processes OUT FILE...

`loop` is what simple programs do: file by file, with models loaded for each, one window and one
voice at a time. `processes` is `loop` with the program started for each file, as scripts and task
queues do that cannot free a model's memory otherwise.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from benchmarks.diarize_alone import Turns, diarize_alone
from reelmill.commands.exit_codes import exit_code
from reelmill.engine.pipeline import Pipeline
from reelmill.models.speakers.files import DEFAULT, encoder_spec, segmentation_spec
from reelmill.pipelines.choices import BuildContext
from reelmill.pipelines.diarization import NetworksDiarizer, diarization_stages
from reelmill.runs.run import Run
from reelmill.runs.task import Task
from reelmill.settings import load_settings
from reelmill.stages.media.decode import Decode
from reelmill.stages.media.probe import Probe
from reelmill.stages.speakers.embed_speakers import EmbedSpeakers
from reelmill.stages.speakers.segment_speakers import SegmentSpeakers


def _diarizer() -> NetworksDiarizer:
    return NetworksDiarizer(segmentation_spec(DEFAULT), encoder_spec(DEFAULT))


def reelmill(files: list[Path], work: Path) -> dict[str, Turns]:
    def build(context: BuildContext) -> Pipeline:
        stages = [Probe(), Decode(), *diarization_stages(context.settings, _diarizer())]
        return Pipeline("speakers", stages)

    task = Task("speakers", lambda given: load_settings(**given), build)
    with Run(task, files, out=work / "out", device="cpu") as run:
        summary = run.wait()
    if exit_code(summary):
        raise SystemExit(f"exit code {exit_code(summary)}")
    found = {}
    for path in (work / "out").glob(".cache/artifacts/*/*/diarize-*.json"):
        content = json.loads(path.read_text("utf-8"))
        turns = content["data"]["turns"]
        name = Path(content["recording"]["path"]).name
        found[name] = [(one["start"], one["end"], one["speaker"]) for one in turns]
    return found


def loop(files: list[Path], work: Path) -> dict[str, Turns]:
    return {file.name: _alone(file, work) for file in files}


def processes(files: list[Path], work: Path) -> dict[str, Turns]:
    found: dict[str, Turns] = {}
    for file in files:
        out = work / "one.json"
        command = [sys.executable, "-m", "benchmarks.speaker_peers", "loop", out, file]
        subprocess.run(list(map(str, command)), check=True)
        found |= json.loads(out.read_text("utf-8"))
    return found


def _alone(file: Path, work: Path) -> Turns:
    stages = diarization_stages(load_settings(), _diarizer())
    one_at_a_time = [
        replace(stage, together=1) if isinstance(stage, SegmentSpeakers | EmbedSpeakers) else stage
        for stage in stages
    ]
    return diarize_alone(file, work, [Probe(), Decode(), *one_at_a_time])


def main() -> None:
    how, out, *files = sys.argv[1:]
    with tempfile.TemporaryDirectory(prefix="reelmill-bench-") as work:
        run = {"reelmill": reelmill, "loop": loop, "processes": processes}[how]
        found = run([Path(file) for file in files], Path(work))
    Path(out).write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main()
