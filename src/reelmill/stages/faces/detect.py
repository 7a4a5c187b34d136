"""DetectFaces: find every face of a video, with its landmarks and the colours below it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from reelmill.artifacts import (
    Artifact,
    DetectionArrays,
    Detections,
    Media,
    MouthArrays,
    Picture,
    VideoIndex,
    VideoTrack,
    write_arrays,
)
from reelmill.core.arrays import Float32, UInt8
from reelmill.core.atomic import replacing
from reelmill.engine.stage import Inputs, ModelSpec, ModelStage, StageContext
from reelmill.errors import InputError
from reelmill.media.container import shown
from reelmill.media.video.frames import (
    Reducer,
    Stretch,
    choose_track,
    reduced_size,
    shown_size,
    stretches,
    upright_size,
)
from reelmill.media.video.reader import open_pictures
from reelmill.models.faces.detector import Faces, no_faces
from reelmill.models.runtimes.shared import own_model
from reelmill.stages.faces.chunks import FrameChunk, frame_chunks
from reelmill.stages.faces.colours import BINS, worn_colours
from reelmill.stages.faces.damage import damaged_places
from reelmill.stages.faces.embed import MOST_SIDE, face_vectors
from reelmill.stages.faces.mouths import Mouths, is_moment, mouths_of, no_mouths
from reelmill.stages.faces.scenes import Glance, is_cut
from reelmill.stages.faces.search import find_faces
from reelmill.stages.faces.sideways import not_upright, turned_by, turned_faces
from reelmill.stages.faces.tile_layouts import tile_layouts
from reelmill.stages.faces.tiles import Rectangle

#: Seconds of video that one process decodes at a time.
STRETCH_SECONDS = 12.0

#: Colours are taken from the frames that the detector searched and from every nth other frame.
_COLOURS_EVERY = 5

_NO_VECTORS = np.zeros((0, 1), np.float32), np.zeros(0, np.int64)


@dataclass(frozen=True)
class ChunkFaces:
    """The faces of a chunk; boxes in pixels of the reduced frames.

    counts: (n,) faces of each sampled frame, whose rows follow each other in `faces`.
    looked: (n,). colours: (m, BINS) of the rows `colours_of`. size: width and height of the frames.
    turned: as `turned_faces` gives them. vectors: (k, d) of the rows `vectors_of`. The rest as in
    `FrameChunk`.
    """

    counts: npt.NDArray[np.int64]
    faces: Faces
    looked: npt.NDArray[np.bool_]
    colours: Float32
    colours_of: npt.NDArray[np.int64]
    size: tuple[int, int]
    times: npt.NDArray[np.float64]
    sampled: npt.NDArray[np.int64]
    cuts: npt.NDArray[np.int64]
    glances: tuple[Glance, Glance]
    lost: int
    damaged: int
    tiles: tuple[Rectangle, ...]
    turned: Float32
    vectors: Float32
    vectors_of: npt.NDArray[np.int64]
    mouths: Mouths


@dataclass(frozen=True)
class DetectFaces(ModelStage[FrameChunk, ChunkFaces]):
    """Finds the faces in the sampled frames of a video track, and how they look to a network.

    Args:
        identity: the network that tells people apart, loaded together with `model` (see `shared`);
            None if none does.
        track: number of the video track, counted from 0; None for the largest.
        short_side: the shorter side to which frames are reduced before the search.
        mouths: also cut out the lower faces, for `DetectSpeaking`.

    Raises:
        InputError: there is no video track, or nothing of it can be decoded.
    """

    name: ClassVar[str] = "detect_faces"
    version: ClassVar[int] = 8
    display_name = "Finding faces"
    commands = ("faces",)
    models = ("detector", "identity")
    needs = (Media, VideoIndex)
    produces: ClassVar[type[Artifact]] = Detections

    model: ModelSpec
    identity: ModelSpec | None = None
    track: int | None = None
    short_side: int = 360
    mouths: bool = False

    def parts(self, context: StageContext, inputs: Inputs) -> Sequence[Stretch]:
        return stretches(inputs[VideoIndex], STRETCH_SECONDS)

    def split(self, context: StageContext, inputs: Inputs) -> Iterator[FrameChunk]:
        part: Stretch = context.part
        track = choose_track(context.recording.path, inputs[Media], self.track)
        size = reduced_size(*shown_size(track), self.short_side)
        with open_pictures(context.recording, draft=True, index=inputs[VideoIndex]) as pictures:
            looks = partial(is_moment, rate=pictures.rate) if self.mouths else None
            keeper = self._keeper(track)
            yield from frame_chunks(pictures, part, size, track.rotation, keeper, looks)

    def _keeper(self, track: VideoTrack) -> Reducer | None:
        if self.identity is None:
            return None
        return Reducer(reduced_size(*shown_size(track), MOST_SIDE), track.rotation)

    @property
    def inferring(self) -> Any:
        return self.identity, self.mouths

    def infer(self, model: Any, batch: Sequence[FrameChunk]) -> list[ChunkFaces]:
        """Search the chunks of each frame size together."""
        detector = own_model(self.model, model)
        network = None if self.identity is None else own_model(self.identity, model)
        results: dict[int, ChunkFaces] = {}
        for shape in {chunk.frames[0].shape for chunk in batch}:
            these = [i for i, chunk in enumerate(batch) if chunk.frames[0].shape == shape]
            found = _searched(detector, network, [batch[i] for i in these], mouths=self.mouths)
            results.update(zip(these, found, strict=True))
        return [results[i] for i in range(len(batch))]

    def merge(
        self, context: StageContext, inputs: Inputs, outputs: Iterator[ChunkFaces]
    ) -> Detections:
        track = choose_track(context.recording.path, inputs[Media], self.track)
        found = list(self._without_pictures(context, outputs))
        if not found:
            raise InputError(
                f"{shown(context.recording.path)}: none of its pictures can be decoded; "
                "if a player shows them, convert it, otherwise copy it again from its source"
            )
        arrays = _joined(found, upright_size(track))
        name = context.sidecar("boxes.npz")
        write_arrays(context.folder / name, arrays)
        cuts = [round(float(time), 4) for time in _cut_times(found)]
        degrees = turned_by(found)
        return Detections(
            file=name,
            picture=_picture(track, arrays.times, inputs[VideoIndex].end),
            detector=self.model.name,
            sampled=len(arrays.sampled),
            looks=int(arrays.looked.sum()),
            boxes=len(arrays.boxes),
            cuts=cuts,
            problems=[*damaged_places(found), *not_upright(degrees)],
            layouts=tile_layouts(found, upright_size(track), cuts),
            turned_by=degrees,
            mouths=self._mouths(context, found, upright_size(track)) if self.mouths else [],
        )

    def _without_pictures(
        self, context: StageContext, outputs: Iterator[ChunkFaces]
    ) -> Iterator[ChunkFaces]:
        """The outputs; their pictures of mouths go into a file, because those of a long video do
        not fit into memory."""
        if not self.mouths:
            yield from outputs
            return
        with replacing(context.path("mouths.bin"), durable=False) as file:
            for one in outputs:
                file.write(one.mouths.data.tobytes())
                yield replace(one, mouths=replace(one.mouths, data=one.mouths.data[:0]))

    def _mouths(
        self, context: StageContext, found: Sequence[ChunkFaces], size: tuple[int, int]
    ) -> list[str]:
        scale = np.array([size[0] / found[0].size[0], size[1] / found[0].size[1]], np.float32)
        frames = np.cumsum([0, *(len(chunk.times) for chunk in found)])
        data = np.cumsum([0, *(int(chunk.mouths.ends.max(initial=0)) for chunk in found)])
        mouths = [chunk.mouths for chunk in found]
        arrays = MouthArrays(
            np.concatenate([one.frames + at for one, at in zip(mouths, frames, strict=False)]),
            np.concatenate([one.regions for one in mouths]) * np.tile(scale, 2),
            np.concatenate([one.ends + at for one, at in zip(mouths, data, strict=False)]),
        )
        write_arrays(context.path("mouths.npz"), arrays)
        return [context.sidecar("mouths.npz"), context.sidecar("mouths.bin")]


def _searched(
    detector: Any, network: Any, chunks: Sequence[FrameChunk], *, mouths: bool
) -> list[ChunkFaces]:
    """What there is in chunks of one frame size. Without a `network`, faces are not compared."""
    results = []
    for chunk, (found, looked) in zip(chunks, _found(detector, chunks), strict=True):
        turned = turned_faces(detector, chunk, found)
        vectors = _NO_VECTORS if network is None else face_vectors(network, chunk, found)
        cut_out = mouths_of(chunk, found) if mouths else no_mouths()
        results.append(_chunk_faces(chunk, found, looked, turned, vectors, cut_out))
    return results


def _found(
    detector: Any, chunks: Sequence[FrameChunk]
) -> list[tuple[list[Faces], npt.NDArray[np.bool_]]]:
    """The faces of each chunk's samples, and which of these the whole detector searched."""
    frames: list[UInt8] = [frame for chunk in chunks for frame in chunk.frames]
    runs, first = [], 0
    for chunk in chunks:
        edges = [*sorted({0, *chunk.cut_samples}), len(chunk.sampled)]
        runs += [(first + a, first + b - 1) for a, b in pairwise(edges)]
        first += len(chunk.sampled)
    found, looked = find_faces(detector, frames, runs)
    ends = np.cumsum([len(chunk.sampled) for chunk in chunks]).tolist()
    return [
        (found[end - len(chunk.sampled) : end], looked[end - len(chunk.sampled) : end])
        for chunk, end in zip(chunks, ends, strict=True)
    ]


def _chunk_faces(
    chunk: FrameChunk,
    found: Sequence[Faces],
    looked: npt.NDArray[np.bool_],
    turned: Float32,
    vectors: tuple[Float32, npt.NDArray[np.int64]],
    mouths: Mouths,
) -> ChunkFaces:
    counts = np.array([len(faces) for faces in found], np.int64)
    offsets = np.cumsum([0, *counts])
    colours, rows = [np.zeros((0, BINS), np.float32)], [np.zeros(0, np.int64)]
    coloured = looked.copy()
    coloured[::_COLOURS_EVERY] = True
    for place in np.flatnonzero(coloured).tolist():
        histograms, seen = worn_colours(chunk.frames[place], found[place].boxes)
        colours.append(histograms[seen])
        rows.append(offsets[place] + np.flatnonzero(seen))
    height, width = chunk.frames[0].shape[:2]
    return ChunkFaces(
        counts,
        _stacked(found),
        looked,
        np.concatenate(colours),
        np.concatenate(rows),
        (width, height),
        chunk.times.copy(),  # the chunk itself is in the arena
        chunk.sampled.copy(),
        chunk.cuts.copy(),
        (chunk.glances[0].copy(), chunk.glances[1].copy()),
        chunk.lost,
        chunk.damaged,
        chunk.tiles,
        turned,
        *vectors,
        mouths,
    )


def _stacked(found: Sequence[Faces]) -> Faces:
    found = found or [no_faces()]
    return Faces(
        np.concatenate([faces.boxes for faces in found]).astype(np.float32),
        np.concatenate([faces.scores for faces in found]).astype(np.float32),
        np.concatenate([faces.landmarks for faces in found]).astype(np.float32),
    )


def _joined(found: Sequence[ChunkFaces], size: tuple[int, int]) -> DetectionArrays:
    """Join the chunks of a whole video, with boxes in pixels of the picture as shown."""
    faces = _stacked([chunk.faces for chunk in found])
    scale = np.array([size[0] / found[0].size[0], size[1] / found[0].size[1]], np.float32)
    corners = faces.boxes * np.tile(scale, 2)
    frames_before = np.cumsum([0, *(len(chunk.times) for chunk in found)])
    rows_before = np.cumsum([0, *(len(chunk.faces) for chunk in found)])
    shifted = zip(found, frames_before, rows_before, strict=False)
    sampled, colours_of, vectors_of = zip(
        *(
            (chunk.sampled + frames, chunk.colours_of + rows, chunk.vectors_of + rows)
            for chunk, frames, rows in shifted
        ),
        strict=True,
    )
    vectors = [chunk.vectors for chunk in found if len(chunk.vectors)]
    counts = np.concatenate([chunk.counts for chunk in found])
    return DetectionArrays(
        times=np.concatenate([chunk.times for chunk in found]),
        sampled=np.concatenate(sampled).astype(np.int32),
        offsets=np.concatenate([[0], np.cumsum(counts)]),
        boxes=np.concatenate([corners[:, :2], corners[:, 2:] - corners[:, :2]], axis=1),
        scores=faces.scores,
        landmarks=faces.landmarks * scale,
        looked=np.concatenate([chunk.looked for chunk in found]),
        colours=np.concatenate([chunk.colours for chunk in found]),
        colours_of=np.concatenate(colours_of),
        vectors=np.concatenate(vectors) if vectors else np.zeros((0, 1), np.float32),
        vectors_of=np.concatenate(vectors_of),
    )


def _cut_times(found: Sequence[ChunkFaces]) -> list[float]:
    times: list[float] = []
    before: Glance | None = None
    for chunk in found:
        starts = set(chunk.cuts.tolist())
        if before is not None and is_cut(before, chunk.glances[0]):
            starts.add(0)
        times += [float(chunk.times[start]) for start in sorted(starts)]
        before = chunk.glances[1]
    return times


def _picture(track: VideoTrack, times: npt.NDArray[np.float64], end: float | None) -> Picture:
    span = float(times[-1] - times[0])
    rate = (len(times) - 1) / span if span > 0 else (track.frame_rate or 25.0)
    width, height = upright_size(track)
    return Picture(
        track=track.index,
        width=width,
        height=height,
        rotation=-track.rotation % 360,  # a track's is counterclockwise
        frames=len(times),
        frame_rate=rate,
        duration=max(float(times[-1]) + 1 / rate, end or 0.0),
    )
