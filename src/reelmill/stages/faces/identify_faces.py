"""IdentifyFaces: tell the persons of a video apart by their faces, and name known ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from reelmill.artifacts import (
    Artifact,
    FaceNetworkUsed,
    Persons,
    Tracks,
    read_tracks,
    write_arrays,
)
from reelmill.engine.stage import FileStage, Inputs, StageContext
from reelmill.models.faces.network import FaceNetworkSpec
from reelmill.stages.faces.clothes import clothes_of, placed_by_clothes, with_clothes
from reelmill.stages.faces.clustering import cluster, together
from reelmill.stages.faces.known_people import KnownFace, named
from reelmill.stages.faces.persons import Identified, make_persons


@dataclass(frozen=True)
class IdentifyFaces(FileStage):
    """Joins the tracks whose faces look alike into persons, whatever they wear, in all scenes.

    Clothes are a second cue, and the only one for a track without a good enough face.

    Args:
        network: the network that looked at the faces.
        threshold: the least cosine of two faces of one person; None for the network's own
            threshold.
        people: faces of known people, whose names the persons get.
        notes: further notes for the reader of the result.
    """

    name: ClassVar[str] = "identify_faces"
    version: ClassVar[int] = 3
    display_name = "Telling persons apart by their faces"
    commands = ("faces",)
    models = ("identity",)
    needs = (Tracks,)
    produces: ClassVar[type[Artifact]] = Persons

    network: FaceNetworkSpec
    threshold: float | None = None
    people: tuple[KnownFace, ...] = ()
    notes: tuple[str, ...] = ()

    def run(self, context: StageContext, inputs: Inputs) -> Persons:
        tracks = inputs[Tracks]
        arrays = read_tracks(context.folder, tracks)
        vectors, unseen = arrays.vectors, int((arrays.seen == 0).sum())
        threshold = self.network.threshold if self.threshold is None else self.threshold
        spans = np.array([[t.start, t.end] for t in tracks.tracks], np.float32).reshape(-1, 2)
        starts, ends = spans[:, 0], spans[:, 1]
        weights = ends - starts
        clothes = clothes_of(arrays.colours)
        persons = cluster(with_clothes(vectors, clothes), weights, starts, ends, threshold)
        persons, placed = placed_by_clothes(persons, vectors, clothes, starts, ends)
        apart = together(starts, ends)
        persons, names = named(persons, vectors, weights, apart, self.people, threshold)
        notes = [
            f"people were told apart by their faces ({self.network.name})",
            *self.notes,
            *_unseen(unseen, placed, len(tracks.tracks)),
        ]
        used = FaceNetworkUsed(self.network.name, self.network.digest)
        identified = Identified(vectors, persons, "faces", threshold, notes, names, used)
        artifact, boxes = make_persons(context.sidecar("boxes.npz"), tracks, arrays, identified)
        write_arrays(context.path("boxes.npz"), boxes)
        return artifact


def _unseen(unseen: int, placed: int, tracks: int) -> list[str]:
    """The notes about tracks without a good enough face."""
    if not unseen:
        return []
    return [
        f"in {unseen} of {tracks} tracks no face is seen well enough; people there were told "
        f"apart by their clothes, and {placed} of these tracks were assigned to somebody whose "
        "face is seen elsewhere"
    ]
