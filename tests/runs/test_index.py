"""What the index of an output folder remembers over runs and commands."""

# proves: V13, G15

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from reelmill.artifacts import Segment, Transcript
from reelmill.core import gate
from reelmill.core.keys import user_key
from reelmill.core.recording import FileState, Recording
from reelmill.engine.execution.planning import Job, Keys
from reelmill.engine.pipeline import Pipeline
from reelmill.engine.stage import FileStage, Inputs, StageContext
from reelmill.engine.state import artifact_store as store
from reelmill.engine.state.run_db import Original
from reelmill.engine.telemetry.metrics import RunSummary
from reelmill.errors import Failure
from reelmill.pages.language import wording_in
from reelmill.runs.index import IndexKeeper
from reelmill.stages.review.page import WriteReview
from reelmill.testing import context_of


class Make(FileStage):
    """Makes the transcript that the page is of."""

    name, version, produces = "make", 1, Transcript

    def run(self, context: StageContext, inputs: Inputs) -> Transcript:
        raise NotImplementedError


@pytest.fixture
def out(tmp_path: Path) -> Iterator[Path]:
    with ExitStack() as opened:
        opened.enter_context(gate.output(tmp_path / "out", "voice", []))
        yield tmp_path / "out"


def keeper(out: Path, command: str = "voice") -> IndexKeeper:
    pipeline = Pipeline(command, [Make(), WriteReview(out)])
    return IndexKeeper(out, pipeline, user_key().seal, wording_in("en"))


def done(keeper: IndexKeeper, name: str, text: str) -> Job:
    """A recording whose page is written."""
    state = FileState(f"{sum(map(ord, name)):064x}", "b" * 32, 7, 1)
    path = keeper.out.parent / f"{name}.m4a"
    job = Job(Original(str(path), name, 0, 7, 1, state), 7)
    folder = store.recording_folder(keeper.out / gate.CACHE, state.sha256)
    recording = Recording(path, name, folder, state)
    said = [Segment(1.5, 2, text, -0.1, 0, 1, 0, [], "A")]
    stage = keeper.pipeline.stages[1]
    assert isinstance(stage, WriteReview)
    transcript = Transcript("ko", 1, "base", 9, 8, said)
    page = stage.run(context_of(recording, stage), Inputs([transcript]))
    key = Keys(keeper.pipeline).of(stage, recording)
    target = store.named_path(keeper.out / gate.CACHE, stage.name, name)
    store.save(target, stage, key, recording, page, keeper.seal)
    job.end(page.summary())
    return job


def lines(out: Path) -> str:
    return "".join(
        path.read_text("utf-8") for path in sorted((out / "index_files").glob("lines-*.js"))
    )


def rows(out: Path) -> list[dict[str, object]]:
    page = (out / "index.html").read_text("utf-8")
    data = json.loads(page.partition('id="data">')[2].partition("</script>")[0])
    return list(data["rows"])


def run(keeper: IndexKeeper, *jobs: Job) -> list[Path]:
    summary = RunSummary("voice", "", 1, "0", "cpu", "", {}, 1, 1, [], [], [])
    return list(keeper.write(summary, jobs))


def test_the_index_keeps_recordings_of_earlier_runs_and_other_commands(out: Path) -> None:
    voice = keeper(out)
    failed = Job(Original(str(out.parent / "b.m4a"), "b", 0, 7, 1), 7)
    failed.fail(Failure("probe", "input", f"{out.parent / 'b.m4a'}: damaged"))
    failed.end()
    written = run(voice, done(voice, "a", "첫 번째"), failed)
    assert [path.name for path in written] == ["lines-0000.js", "index.html"]
    subtitle = keeper(out, "subtitle")
    run(subtitle, done(subtitle, "c", "두 번째"))
    assert [one["id"] for one in rows(out)] == ["voice/a", "voice/b", "subtitle/c"]
    assert rows(out)[1]["e"] == "damaged" and rows(out)[0]["p"] == "a.html"
    assert '["voice/a",["A"],1]],[1.5,1.5],[0,0],"두 번째\\n첫 번째"' in lines(out)
    run(voice, done(voice, "a", "다시"))
    assert "첫 번째" not in lines(out) and "다시" in lines(out)
    assert len(rows(out)) == 3


def test_only_files_with_changed_recordings_are_written_again(out: Path) -> None:
    voice = keeper(out)
    jobs = [done(voice, f"call {n}", f"text {n}") for n in range(120)]
    run(voice, *jobs)
    files = sorted((out / "index_files").iterdir())
    assert len(files) == 2
    before = {file: file.stat().st_mtime_ns for file in files}
    run(voice, *jobs[:3])
    assert {file: file.stat().st_mtime_ns for file in files} == before
    files[0].unlink()
    run(voice)
    assert files[0].exists() and files[1].stat().st_mtime_ns == before[files[1]]
    assert all(f"text {n}" in lines(out) for n in range(120))


def test_the_index_leaves_out_missing_and_foreign_files(out: Path) -> None:
    voice = keeper(out)
    run(voice, done(voice, "a", "하나"), done(voice, "b", "둘"))
    (out / "a.html").unlink()
    run(voice)
    assert [one["id"] for one in rows(out)] == ["voice/b"] and "하나" not in lines(out)
    state = out / ".cache" / "pages" / "index.json"
    state.write_text(state.read_text("utf-8").replace('"voice"', '"voicf"'), encoding="utf-8")
    run(voice)
    assert rows(out) == []
