"""IdentifyFaces: the persons of a video told apart by their faces, and named where known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from reelmill.artifacts import (
    Artifact,
    FaceVectors,
    Persons,
    Tracks,
    read_face_vectors,
    read_tracks,
    write_arrays,
)
from reelmill.engine.stage import FileStage, Inputs, StageContext
from reelmill.stages.faces.clustering import cluster, together
from reelmill.stages.faces.known_people import KnownFace, named
from reelmill.stages.faces.persons import Identified, make_persons


@dataclass(frozen=True)
class IdentifyFaces(FileStage):
    """Tracks whose faces look alike are one person, whatever they wear and in whichever scene.

    Args:
        threshold: cosine of two faces' vectors from which on they are one person's.
        people: faces of known people, who give persons their names.
        notes: what the reader of the result should know besides.
    """

    name: ClassVar[str] = "identify_faces"
    version: ClassVar[int] = 1
    title = "Telling persons apart by their faces"
    commands = ("faces",)
    models = ("identity",)
    enabled_by = ("identity", "vggface2")
    needs = (Tracks, FaceVectors)
    produces: ClassVar[type[Artifact]] = Persons

    threshold: float = 0.6
    people: tuple[KnownFace, ...] = ()
    notes: tuple[str, ...] = ()

    def run(self, context: StageContext, inputs: Inputs) -> Persons:
        tracks, faces = inputs[Tracks], inputs[FaceVectors]
        arrays = read_tracks(context.folder, tracks)
        vectors = read_face_vectors(context.folder, faces).vectors
        spans = np.array([[t.start, t.end] for t in tracks.tracks], np.float32).reshape(-1, 2)
        starts, ends = spans[:, 0], spans[:, 1]
        weights = ends - starts
        persons = cluster(vectors, weights, starts, ends, self.threshold)
        apart = together(starts, ends)
        persons, names = named(persons, vectors, weights, apart, self.people, self.threshold)
        notes = [f"people were told apart by their faces ({faces.model})", *self.notes]
        if faces.unseen:
            notes.append(
                f"of {faces.unseen} of {len(tracks.tracks)} tracks no face could be cut out; "
                "each counts as a person"
            )
        identified = Identified(vectors, persons, "vggface2", self.threshold, notes, names)
        artifact, boxes = make_persons(context.sidecar("boxes.npz"), tracks, arrays, identified)
        write_arrays(context.path("boxes.npz"), boxes)
        return artifact
