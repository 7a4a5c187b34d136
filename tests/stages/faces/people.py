"""Persons of synthetic films, as if detected, for tests of later stages."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from reelmill.artifacts import (
    Detections,
    OnScreen,
    Person,
    PersonArrays,
    Persons,
    Picture,
    Thumbnail,
    Tracks,
    write_arrays,
)
from reelmill.core.recording import Recording, read_state
from reelmill.engine.stage import FileStage, Inputs
from reelmill.media.probe import probe
from reelmill.media.video.index import index_video
from reelmill.testing import artifact_of

SIZE = 40.0


def recording_of(path: Path, folder: Path) -> Recording:
    folder.mkdir(parents=True, exist_ok=True)
    return Recording(path, path.stem, folder, read_state(path))


def persons_of(
    folder: Path,
    times,
    tracks: dict[str, dict[int, tuple[float, float]]],
    *,
    size: tuple[int, int],
    cuts=(),
    rotation: int = 0,
    names: dict[str, str] | None = None,
) -> Persons:
    """`tracks`: for each label the middle of the face in each frame in which it is seen."""
    step = float(np.median(np.diff(times)))
    ends = [*times[1:], times[-1] + step]
    people, rows = [], {"times": [], "frames": [], "boxes": [], "tracks": []}
    for number, (label, seen) in enumerate(tracks.items()):
        frames = sorted(seen)
        first = len(rows["times"])
        runs = np.split(np.array(frames), np.flatnonzero(np.diff(frames) > 1) + 1)
        shown = [OnScreen(float(times[r[0]]), float(ends[r[-1]]), [number]) for r in runs]
        for frame in frames:
            x, y = seen[frame]
            rows["times"].append(times[frame])
            rows["frames"].append(frame)
            rows["boxes"].append((x - SIZE / 2, y - SIZE / 2, SIZE, SIZE))
            rows["tracks"].append(number)
        middle = frames[len(frames) // 2]
        seconds = sum(interval.duration for interval in shown)
        x, y, width, height = rows["boxes"][first + len(frames) // 2]
        people.append(
            Person(
                label,
                (names or {}).get(label),
                shown,
                seconds,
                seconds / ends[-1],
                Thumbnail(float(times[middle]), x, y, width, height),
                first,
                len(frames),
            )
        )
    arrays = PersonArrays(
        np.array(rows["times"], np.float64),
        np.array(rows["frames"], np.int32),
        np.array(rows["boxes"], np.float32).reshape(-1, 4),
        np.array(rows["tracks"], np.int32),
        np.zeros((len(people), 8), np.float32),
    )
    write_arrays(folder / "persons.npz", arrays)
    picture = Picture(0, *size, rotation, len(times), 1 / step, float(ends[-1]))
    return Persons("persons.npz", picture, "appearance", 0.5, people, list(cuts))


def carry_out(recording: Recording, persons: Persons, *stages: FileStage) -> list:
    """The artifacts of stages run one after the other, each reading those before."""
    made = [
        probe(recording.path),
        index_video(recording.path),
        Detections("none.npz", persons.picture, "mtcnn", 0, 0, 0, persons.cuts),
        Tracks("none.npz", persons.picture, [], [], 0),
        persons,
    ]
    for stage in stages:
        made.append(artifact_of(stage, recording, Inputs(made)))
    return made[5:]
