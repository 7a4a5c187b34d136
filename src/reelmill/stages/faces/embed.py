"""EmbedFaces: embed the best faces of each track with a network that tells people apart."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from reelmill.artifacts import (
    Artifact,
    FaceNetworkUsed,
    FaceVectorArrays,
    FaceVectors,
    Media,
    TrackArrays,
    Tracks,
    VideoIndex,
    read_tracks,
    write_arrays,
)
from reelmill.core.arrays import Float32, UInt8
from reelmill.core.recording import Recording
from reelmill.core.vectors import unit
from reelmill.engine.stage import Inputs, ModelSpec, ModelStage, StageContext
from reelmill.media.video.frames import (
    Reducer,
    choose_track,
    reduced_size,
    shown_size,
    upright_size,
)
from reelmill.media.video.reader import NEAR_SECONDS, Pictures, open_pictures
from reelmill.models.faces.network import FaceNetworkSpec
from reelmill.models.runtimes.shared import own_model, own_spec

if TYPE_CHECKING:
    from reelmill.media.video.crop import Frame


#: Seconds of video whose faces one process cuts out.
_PART_SECONDS = 30.0
#: Faces are cut from pictures reduced to this side: the network's input has only 160 pixels a side.
_MOST_SIDE = 1080
#: A face identifies a person if it is at least this wide, in pixels (at 16 the cosine to the same
#: face in full size is 0.78, at 12 it is 0.65), and its eyes are at least this far apart, in face
#: widths; if they are closer, the face is seen from the side.
_LEAST_WIDTH, _LEAST_BETWEEN_EYES = 16.0, 0.25

#: Faces in an item: sent one by one, their transfer would take longer than the inference.
_FACES_AN_ITEM = 8


@dataclass(frozen=True)
class FacePictures:
    """Faces (n, side, side, 3), RGB, and the tracks (n,) they belong to. The cost is the number of
    faces."""

    pictures: UInt8
    tracks: npt.NDArray[np.int64]

    @property
    def cost(self) -> float:
        return float(len(self.tracks))


@dataclass(frozen=True)
class TrackVectors:
    """The network's output: (n, d), rows of unit length."""

    vectors: Float32
    tracks: npt.NDArray[np.int64]


@dataclass(frozen=True)
class Moments:
    """The faces to be cut out, in order of time: the tracks, times, boxes (x, y, width, height)
    and landmarks of n faces, and the number of the key frame that each is decoded from."""

    tracks: npt.NDArray[np.int64]
    times: npt.NDArray[np.float64]
    boxes: Float32
    landmarks: Float32
    keys: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.tracks)

    def take(self, rows: npt.NDArray[np.int64]) -> Moments:
        """The selected ones, in the order of `rows`."""
        return Moments(
            self.tracks[rows],
            self.times[rows],
            self.boxes[rows],
            self.landmarks[rows],
            self.keys[rows],
        )

    def runs(self, numbers: npt.NDArray[np.int64]) -> list[Moments]:
        """Split where `numbers` (n,) change."""
        places = np.arange(len(self))
        edges = np.flatnonzero(np.diff(numbers)) + 1
        return [self.take(rows) for rows in np.split(places, edges)] if len(self) else []


@dataclass(frozen=True)
class EmbedFaces(ModelStage[FacePictures, TrackVectors]):
    """Makes a vector for each track from some of its best faces in full resolution.

    Among the best faces, those that come soonest after a key frame are used, because all pictures
    in between have to be decoded. A track without a good enough face gets no vector.

    Args:
        faces: the most pictures used for a track.
        track: as in `DetectFaces`.
    """

    name: ClassVar[str] = "embed_faces"
    version: ClassVar[int] = 3
    display_name = "Comparing faces"
    commands = ("faces",)
    models = ("identity",)
    needs = (Media, VideoIndex, Tracks)
    produces: ClassVar[type[Artifact]] = FaceVectors

    model: ModelSpec
    faces: int = 2
    track: int | None = None

    @property
    def network(self) -> FaceNetworkSpec:
        """The identity of `model`."""
        network = own_spec(self.model)
        assert isinstance(network, FaceNetworkSpec)
        return network

    def parts(self, context: StageContext, inputs: Inputs) -> Sequence[Moments]:
        arrays = read_tracks(context.folder, inputs[Tracks])
        candidates = _candidates(arrays)
        if not len(candidates):
            return []
        index = inputs[VideoIndex]
        moments = _soonest(candidates, np.array(index.key_times), self.faces)
        if not index.seekable:
            return [moments]
        return moments.runs(np.floor((moments.times - moments.times[0]) / _PART_SECONDS))

    def split(self, context: StageContext, inputs: Inputs) -> Iterator[FacePictures]:
        part: Moments = context.part
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
        self, recording: Recording, inputs: Inputs, part: Moments
    ) -> Iterator[tuple[UInt8, list[int]]]:
        """The faces of each frame that has any, and their tracks."""
        track = choose_track(recording.path, inputs[Media], self.track)
        upright = upright_size(track)
        size = reduced_size(*shown_size(track), _MOST_SIDE)
        scale = np.array([size[0] / upright[0], size[1] / upright[1]], np.float32)
        reducer = Reducer(size, track.rotation)
        with open_pictures(recording, draft=True, index=inputs[VideoIndex]) as opened:
            for run in part.runs(part.keys):
                for frame, faces in _frames(opened, run):
                    corners = np.concatenate(
                        [faces.boxes[:, :2], faces.boxes[:, :2] + faces.boxes[:, 2:]], axis=1
                    )
                    boxes, landmarks = corners * np.tile(scale, 2), faces.landmarks * scale
                    yield self._cut(reducer, frame, boxes, landmarks), faces.tracks.tolist()

    def _cut(self, reducer: Reducer, frame: Frame, boxes: Float32, landmarks: Float32) -> UInt8:
        """Faces cut out of a frame; where that is possible, without converting all of it."""
        if not reducer.keeps(frame):
            return self.network.pictures(reducer.reduced(frame), boxes, landmarks)
        sides = boxes[:, 2:] - boxes[:, :2]
        around = np.concatenate([boxes[:, :2] - sides, boxes[:, 2:] + sides], axis=1)
        cut = []
        for row, area in enumerate(around.tolist()):
            picture, corner = reducer.part(frame, *area)
            shift = np.array(corner, np.float32)
            face = boxes[row : row + 1] - np.tile(shift, 2)
            cut.append(self.network.pictures(picture, face, landmarks[row : row + 1] - shift))
        return np.concatenate(cut)

    @property
    def inferring(self) -> Any:
        return ()

    def infer(self, model: Any, batch: Sequence[FacePictures]) -> list[TrackVectors]:
        network = own_model(self.model, model)
        vectors = network.embed(np.concatenate([item.pictures for item in batch]))
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
        unseen = int((count == 0).sum())
        network = FaceNetworkUsed(self.network.name, self.network.digest)
        return FaceVectors(name, network, self.network.threshold, int(count.sum()), unseen)


def _item(pictures: Sequence[UInt8], tracks: Sequence[int]) -> FacePictures:
    return FacePictures(np.stack(pictures), np.array(tracks, np.int64))


def _candidates(arrays: TrackArrays) -> Moments:
    """The best faces of each track that are good enough."""
    tracks, places = np.nonzero(arrays.best >= 0)
    rows = arrays.best[tracks, places]
    boxes, landmarks = arrays.boxes[rows], arrays.landmarks[tracks, places]
    between = np.linalg.norm(landmarks[:, 1] - landmarks[:, 0], axis=1)
    good = boxes[:, 2] >= _LEAST_WIDTH
    good &= between >= _LEAST_BETWEEN_EYES * boxes[:, 2]
    keys = np.zeros(len(rows), np.int64)
    return Moments(tracks, arrays.times[rows], boxes, landmarks, keys).take(np.flatnonzero(good))


def _soonest(candidates: Moments, key_times: npt.NDArray[np.float64], count: int) -> Moments:
    """The `count` faces of each track that come soonest after a key frame, in order of time."""
    if not len(key_times):
        key_times = np.zeros(1)
    keys = np.maximum(np.searchsorted(key_times, candidates.times + NEAR_SECONDS) - 1, 0)
    after = candidates.times - key_times[keys]
    order = np.lexsort((after, candidates.tracks))
    tracks = candidates.tracks[order]
    rank = np.arange(len(order)) - np.searchsorted(tracks, tracks)
    chosen = order[rank < count]
    chosen = chosen[np.argsort(candidates.times[chosen], kind="stable")]
    return replace(candidates, keys=keys).take(chosen)


def _frames(opened: Pictures, run: Moments) -> Iterator[tuple[Frame, Moments]]:
    """The frames in which the faces of a run were found, with the faces."""
    at, last = 0, len(run)
    for time, frame in opened.at(run.times.tolist()):
        # the decoder is past the earlier ones
        at = max(at, int(np.searchsorted(run.times, time - NEAR_SECONDS)))
        until = min(last, int(np.searchsorted(run.times, time + NEAR_SECONDS, "right")))
        if until > at:
            yield frame, run.take(np.arange(at, until))
            at = until
        if at == last:
            return
