"""Faces: videos to clips of the people in them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from reelmill.engine.pipeline import Pipeline
from reelmill.engine.stage import ModelSpec, Stage
from reelmill.media.encode_video import Encoding
from reelmill.models.detector import DetectorSpec
from reelmill.stages.detect_faces import DetectFaces
from reelmill.stages.embed_faces import EmbedFaces
from reelmill.stages.identify_appearance import IdentifyByAppearance
from reelmill.stages.identify_faces import IdentifyFaces
from reelmill.stages.known_people import KnownFace
from reelmill.stages.plan_clips import PlanClips
from reelmill.stages.probe import Probe
from reelmill.stages.render_faces import RenderFaces
from reelmill.stages.track_faces import TrackFaces
from reelmill.stages.write_clips import WriteClips

if TYPE_CHECKING:
    from reelmill.settings import Settings


@dataclass(frozen=True)
class Identity:
    """How people are told apart: by their faces with `spec`, without one by what they wear.

    `threshold`: None for the way's own. `people`: faces of known people; `notes`: what the reader
    of the results should know.
    """

    spec: ModelSpec | None = None
    threshold: float | None = None
    people: tuple[KnownFace, ...] = ()
    notes: tuple[str, ...] = ()


def identity_stages(identity: Identity, track: int | None) -> list[Stage]:
    """Stages that make `Persons` of `Tracks`."""
    given = {} if identity.threshold is None else {"threshold": identity.threshold}
    if identity.spec is None:
        return [IdentifyByAppearance(**given, notes=identity.notes)]
    return [
        EmbedFaces(identity.spec, track=track),
        IdentifyFaces(**given, people=identity.people, notes=identity.notes),
    ]


def faces_pipeline(
    settings: Settings,
    detector: DetectorSpec,
    identity: Identity,
    size: tuple[int, int],
    out: Path,
) -> Pipeline:
    """Videos to clips of `size` (width, height).

    Raises:
        UsageError: settings that cannot be carried out (formats).
    """
    shown = {
        "detector": detector.name,
        "layout": settings.layout,
        "size": None if settings.layout == "overlay" else list(size),
        "clip": settings.clip if settings.layout == "single" else None,
        "target": settings.target,
        "top": settings.top,
        "min_share": settings.min_share,
    }
    return Pipeline(
        "faces",
        [
            Probe(),
            DetectFaces(detector, track=settings.video_track, short_side=settings.detect_size),
            TrackFaces(least_score=detector.sure),
            *identity_stages(identity, settings.video_track),
            PlanClips(
                layout=settings.layout,
                width=size[0],
                height=size[1],
                clip_seconds=0.0 if settings.clip == "person" else settings.clip,
                target=settings.target,
                top=settings.top,
                min_share=settings.min_share,
                face_share=settings.face_share,
            ),
            RenderFaces(Encoding(settings.encoder, settings.preset, settings.quality)),
            WriteClips(root=out, formats=settings.face_formats, settings=tuple(shown.items())),
        ],
    )
