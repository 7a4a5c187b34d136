"""A name of one video's person changes the results of that video alone.

# proves: F4
"""

from __future__ import annotations

from pathlib import Path

from reelmill.core.recording import FileState, Recording
from reelmill.engine.execution.planning import Keys
from reelmill.export.names import SpeakerName
from reelmill.models.faces.mtcnn import MtcnnSpec
from reelmill.pipelines.faces import Identity, Speech, faces_pipeline
from reelmill.pipelines.faces_settings import clip_shapes, faces_settings


def keys(out: Path, video: str, *names: SpeakerName) -> dict[str, str]:
    settings = faces_settings({})
    shapes = clip_shapes(settings)
    pipeline = faces_pipeline(settings, MtcnnSpec(), Identity(), shapes, out, Speech(), names)
    path = out / video
    recording = Recording(path, path.stem, out, FileState(f"sha of {video}", "", 0, 0))
    return Keys(pipeline).of_all(recording)


def test_naming_somebody_makes_the_results_of_that_video_anew_and_no_others(tmp_path: Path) -> None:
    kim = SpeakerName("A", "Kim", "talk.mp4")
    before, after = keys(tmp_path, "talk.mp4"), keys(tmp_path, "talk.mp4", kim)
    changed = {stage for stage in before if before[stage] != after[stage]}
    assert changed == {"name_persons", "plan_clips", "render_faces", "write_clips"}
    assert keys(tmp_path, "other.mp4") == keys(tmp_path, "other.mp4", kim)
    assert keys(tmp_path, "talk.mp4", SpeakerName("A", "Lee", "talk.mp4")) != after


def test_a_name_for_all_videos_changes_them_all(tmp_path: Path) -> None:
    kim = SpeakerName("A", "Kim")
    for video in ("talk.mp4", "other.mp4"):
        assert keys(tmp_path, video) != keys(tmp_path, video, kim)
