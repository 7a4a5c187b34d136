"""EmbedFaces: how the best faces of each track look to a network that tells people apart."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from reelmill.artifacts import (
    Artifact,
    FaceVectorArrays,
    FaceVectors,
    Media,
    TrackArrays,
    Tracks,
    VideoTrack,
    read_tracks,
    write_arrays,
)
from reelmill.core.recording import Recording
from reelmill.engine.stage import Inputs, ModelSpec, ModelStage, StageContext
from reelmill.media.video.frames import Reducer, choose_track, reduced_size, upright_size
from reelmill.media.video.reader import open_pictures
from reelmill.models.faces.facenet import face_pictures
from reelmill.stages.faces.clustering import unit

Float32 = npt.NDArray[np.float32]
UInt8 = npt.NDArray[np.uint8]

#: Seconds of video whose faces one process cuts out.
_PART_SECONDS = 30.0
#: Faces are cut out of pictures no larger than this: the network's own are 160 pixels a side.
_MOST_SIDE = 1080
#: How far the time of a decoded frame may be from that of the frame a face was found in, s.
_SAME_FRAME = 1e-3


#: Faces in an item: one by one they would spend longer on their way than in the network.
_FACES_AN_ITEM = 8


@dataclass(frozen=True)
class FacePictures:
    """Faces (n, 160, 160, 3), RGB, and the tracks (n,) they belong to. Cost is in faces."""

    pictures: UInt8
    tracks: npt.NDArray[np.int64]

    @property
    def cost(self) -> float:
        return float(len(self.tracks))


@dataclass(frozen=True)
class TrackVectors:
    """What the network makes of them: (n, d), rows of unit length."""

    vectors: Float32
    tracks: npt.NDArray[np.int64]


@dataclass(frozen=True)
class Moments:
    """The faces to be cut out, in order of time: rows of `TrackArrays`, their tracks and times."""

    rows: npt.NDArray[np.int64]
    tracks: npt.NDArray[np.int64]
    times: npt.NDArray[np.float64]


@dataclass(frozen=True)
class EmbedFaces(ModelStage[FacePictures, TrackVectors]):
    """A vector for each track, from its best faces in full resolution.

    Args:
        faces: pictures of each track at most; `TrackFaces` keeps 5.
        track: as in `DetectFaces`.
    """

    name: ClassVar[str] = "embed_faces"
    version: ClassVar[int] = 1
    title = "Comparing faces"
    commands = ("faces",)
    models = ("identity",)
    enabled_by = ("identity", "vggface2")
    needs = (Media, Tracks)
    produces: ClassVar[type[Artifact]] = FaceVectors

    model: ModelSpec
    faces: int = 5
    track: int | None = None

    def parts(self, context: StageContext, inputs: Inputs) -> Sequence[tuple[int, int]]:
        moments = self._moments(_arrays(context.recording, inputs))
        if not len(moments.times):
            return []
        numbers = np.floor((moments.times - moments.times[0]) / _PART_SECONDS)
        starts = np.flatnonzero(np.diff(numbers, prepend=-1)).tolist()
        return list(zip(starts, [*starts[1:], len(numbers)], strict=True))

    def split(self, context: StageContext, inputs: Inputs) -> Iterator[FacePictures]:
        part: tuple[int, int] = context.part
        pictures: list[UInt8] = []
        tracks: list[int] = []
        for faces, numbers in self._faces(context.recording, inputs, part):
            pictures.extend(faces)
            tracks += numbers
            while len(tracks) >= _FACES_AN_ITEM:
                yield _item(pictures[:_FACES_AN_ITEM], tracks[:_FACES_AN_ITEM])
                del pictures[:_FACES_AN_ITEM], tracks[:_FACES_AN_ITEM]
        if tracks:
            yield _item(pictures, tracks)

    def _faces(
        self, recording: Recording, inputs: Inputs, part: tuple[int, int]
    ) -> Iterator[tuple[UInt8, list[int]]]:
        """The faces of each frame that has some, and their tracks."""
        arrays = _arrays(recording, inputs)
        moments = self._moments(arrays)
        track = choose_track(recording.path, inputs[Media], self.track)
        size = reduced_size(*upright_size(track), _MOST_SIDE)
        reducer = Reducer(size, track.rotation)
        at, last = part
        first, end = moments.times[at], moments.times[last - 1] + 2 * _SAME_FRAME
        with open_pictures(recording, track.index) as opened:
            for time, frame in opened.between(first - _SAME_FRAME, end):
                # what is earlier cannot be decoded any more
                at = max(at, int(np.searchsorted(moments.times, time - _SAME_FRAME)))
                until = min(last, int(np.searchsorted(moments.times, time + _SAME_FRAME, "right")))
                if until > at:
                    boxes = _boxes(arrays, moments.rows[at:until], track, size)
                    faces = face_pictures(reducer.reduced(frame), boxes)
                    yield faces, moments.tracks[at:until].tolist()
                    at = until

    def infer(self, model: Any, batch: Sequence[FacePictures]) -> list[TrackVectors]:
        vectors = model.embed(np.concatenate([item.pictures for item in batch]))
        ends = np.cumsum([len(item.tracks) for item in batch])
        parts = np.split(vectors, ends[:-1])
        return [TrackVectors(v, item.tracks.copy()) for v, item in zip(parts, batch, strict=True)]

    def merge(
        self, context: StageContext, inputs: Inputs, outputs: Iterator[TrackVectors]
    ) -> FaceVectors:
        tracks = inputs[Tracks]
        count = np.zeros(len(tracks.tracks), np.int32)
        sums = np.zeros((len(tracks.tracks), 1), np.float32)
        for output in outputs:
            if sums.shape[1] != output.vectors.shape[1]:
                sums = np.zeros((len(tracks.tracks), output.vectors.shape[1]), np.float32)
            np.add.at(sums, output.tracks, output.vectors)
            np.add.at(count, output.tracks, 1)
        name = context.sidecar("vectors.npz")
        write_arrays(context.folder / name, FaceVectorArrays(unit(sums), count))
        return FaceVectors(name, self.model.name, int(count.sum()), int((count == 0).sum()))

    def _moments(self, arrays: TrackArrays) -> Moments:
        best = arrays.best[:, : self.faces]
        tracks, places = np.nonzero(best >= 0)
        rows = best[tracks, places]
        times = arrays.times[rows]
        order = np.argsort(times, kind="stable")
        return Moments(rows[order], tracks[order], times[order])


def _item(pictures: Sequence[UInt8], tracks: Sequence[int]) -> FacePictures:
    return FacePictures(np.stack(pictures), np.array(tracks, np.int64))


def _arrays(recording: Recording, inputs: Inputs) -> TrackArrays:
    return read_tracks(recording.folder, inputs[Tracks])


def _boxes(
    arrays: TrackArrays, rows: npt.NDArray[np.int64], track: VideoTrack, size: tuple[int, int]
) -> Float32:
    """Left, top, right, bottom in pixels of the picture that faces are cut out of."""
    width, height = upright_size(track)
    boxes = arrays.boxes[rows]
    corners = np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1)
    scale = np.array([size[0] / width, size[1] / height] * 2, np.float32)
    return (corners * scale).astype(np.float32)
