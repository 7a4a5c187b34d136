"""IdentifyByAppearance: tell the people of a video apart by what they wear."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from reelmill.artifacts import Artifact, Persons, Tracks, read_tracks, write_arrays
from reelmill.core.vectors import unit
from reelmill.engine.stage import FileStage, Inputs, StageContext
from reelmill.stages.faces.clustering import cluster
from reelmill.stages.faces.colours import embedding
from reelmill.stages.faces.persons import Identified, make_persons

NOTE = (
    "people were told apart by the colours they wear, not by their faces: people dressed alike "
    "become one person, and a person who changes clothes becomes two; leave out --identity to "
    "use faces"
)


@dataclass(frozen=True)
class IdentifyByAppearance(FileStage):
    """Tells persons apart by the colours below their faces. Needs no weights, and reports the
    limits of this method.

    Args:
        threshold: the least Bhattacharyya coefficient of two histograms of one person.
        notes: further notes for the reader of the result.
    """

    name: ClassVar[str] = "identify_appearance"
    version: ClassVar[int] = 2
    display_name = "Telling persons apart by what they wear"
    commands = ("faces",)
    enabled_by = ("identity", "appearance")
    needs = (Tracks,)
    produces: ClassVar[type[Artifact]] = Persons

    threshold: float = 0.7
    notes: tuple[str, ...] = ()

    def run(self, context: StageContext, inputs: Inputs) -> Persons:
        tracks = inputs[Tracks]
        arrays = read_tracks(context.folder, tracks)
        vectors = unit(embedding(arrays.colours))
        spans = np.array([[t.start, t.end] for t in tracks.tracks], np.float32).reshape(-1, 2)
        weights = spans[:, 1] - spans[:, 0]
        persons = cluster(vectors, weights, spans[:, 0], spans[:, 1], self.threshold)
        notes = [NOTE, *self.notes]
        unseen = int((np.linalg.norm(vectors, axis=1) < 0.5).sum())
        if unseen:
            notes.append(
                f"no clothes are seen in {unseen} of {len(vectors)} tracks; each counts as a person"
            )
        identified = Identified(vectors, persons, "appearance", self.threshold, notes)
        artifact, boxes = make_persons(context.sidecar("boxes.npz"), tracks, arrays, identified)
        write_arrays(context.path("boxes.npz"), boxes)
        return artifact
