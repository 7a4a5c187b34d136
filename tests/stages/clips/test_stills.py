"""A still of each scene, taken where a clip is cut anyway.

# proves: F7
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from reelmill.artifacts import Footage, Span
from reelmill.media.video.encode import Encoding
from reelmill.stages.clips.plan import PlanClips
from reelmill.stages.clips.render import RenderFaces
from reelmill.stages.clips.stills import MOST_STILLS, scenes_of
from tests.media.films import film, number_in
from tests.stages.faces.people import carry_out, persons_of, recording_of


def people(folder: Path, frames: int, seen: range, cuts=()):
    times = [i / 25 for i in range(frames)]
    who = {"A": dict.fromkeys(seen, (100.0, 60.0))}
    return persons_of(folder, times, who, size=(192, 128), cuts=cuts)


def test_each_scene_has_a_still_of_its_own(tmp_path: Path) -> None:
    film(tmp_path / "a.mp4", [i / 25 for i in range(250)])
    recording = recording_of(tmp_path / "a.mp4", tmp_path / "cache")
    persons = people(recording.folder, 250, range(75, 125), cuts=(2.0, 6.0))
    _, footage = carry_out(
        recording, persons, PlanClips(clip_seconds=0), RenderFaces(Encoding(preset="ultrafast"))
    )
    assert isinstance(footage, Footage)
    assert [(still.start, still.end) for still in footage.stills] == [(0, 2), (2, 6), (6, 10)]
    assert [still.time for still in footage.stills] == [0.52, 4.0, 6.52]
    for still in footage.stills:
        picture = Image.open(recording.folder / still.file).convert("L")
        assert picture.size == (162, 108)
        assert number_in(np.asarray(picture)) == round(25 * still.time)
    assert {still.file for still in footage.stills} <= set(footage.sidecars())


def test_only_the_longest_of_very_many_scenes_have_stills(tmp_path: Path) -> None:
    cuts = [at + (0.2 if number % 2 else 0.0) for number, at in enumerate(range(1, 1000))]
    persons = people(tmp_path, 25_000, range(10), cuts=cuts)
    scenes = scenes_of(persons, [Span(0, 1000)])
    assert len(scenes) == MOST_STILLS
    assert min(scene.end - scene.start for scene in scenes) > 1.1
