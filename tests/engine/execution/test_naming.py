"""Names of recordings below the output folder, and obstacles to their results."""

from pathlib import Path

import pytest

from reelmill.core import gate
from reelmill.core.atomic import write_text
from reelmill.engine.execution.naming import Names
from reelmill.engine.pipeline import Pipeline
from reelmill.engine.state.run_db import Original
from reelmill.stages.clips.write import WriteClips

# proves: G14


@pytest.fixture
def names(tmp_path):
    (tmp_path / "talk.mp4").write_text("a video")
    stage = WriteClips(tmp_path / "out", formats=("csv",), settings=(("layout", "single"),))
    with gate.output(tmp_path / "out", "faces", [tmp_path / "talk.mp4"]):
        yield Names(tmp_path / "out", _Only(stage))


class _Only(Pipeline):
    """The names of results need no other stage."""

    def __init__(self, stage):
        self.stages = [stage]


def original(tmp_path: Path) -> Original:
    return Original(str(tmp_path / "talk.mp4"), "talk", 0, -1, 0)


def test_a_folder_with_earlier_clips_of_ours_can_be_reused(tmp_path, names):
    write_text(tmp_path / "out" / "talk.clips" / "person A-001.mp4", "a clip")
    assert names.obstacle(original(tmp_path)) is None


def test_a_file_or_link_instead_of_the_clips_folder_is_refused(tmp_path, names):
    folder = tmp_path / "out" / "talk.clips"
    folder.symlink_to(tmp_path)
    assert "is a link" in names.obstacle(original(tmp_path))
    folder.unlink()
    folder.write_text("somebody's")
    assert "is not a folder" in names.obstacle(original(tmp_path))


def test_a_folder_instead_of_a_result_file_is_refused(tmp_path, names):
    (tmp_path / "out" / "talk.faces.csv").mkdir()
    assert "is not a regular file" in names.obstacle(original(tmp_path))
