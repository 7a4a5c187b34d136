"""Faces: videos to clips of the people in them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from reelmill.engine.pipeline import Pipeline
from reelmill.engine.stage import Stage
from reelmill.media.video.encode import Encoding
from reelmill.models.faces.detector import DetectorSpec
from reelmill.models.faces.lr_asd import LrAsdSpec
from reelmill.models.faces.network import FaceNetworkSpec
from reelmill.models.runtimes.shared import shared
from reelmill.stages.clips.plan import PlanClips
from reelmill.stages.clips.render import RenderFaces
from reelmill.stages.clips.write import WriteClips
from reelmill.stages.faces.detect import DetectFaces
from reelmill.stages.faces.embed import EmbedFaces
from reelmill.stages.faces.identify_appearance import IdentifyByAppearance
from reelmill.stages.faces.identify_faces import IdentifyFaces
from reelmill.stages.faces.known_people import KnownFace
from reelmill.stages.faces.speaking import DetectSpeaking
from reelmill.stages.faces.track import TrackFaces
from reelmill.stages.media.decode import Decode
from reelmill.stages.media.probe import Probe

if TYPE_CHECKING:
    from reelmill.settings import Settings


@dataclass(frozen=True)
class Identity:
    """How people are told apart: by their faces with `spec`, without one by what they wear.

    `threshold`: None for the way's own. `people`: faces of known people; `notes`: what the reader
    of the results should know.
    """

    spec: FaceNetworkSpec | None = None
    threshold: float | None = None
    people: tuple[KnownFace, ...] = ()
    notes: tuple[str, ...] = ()


def person_stages(settings: Settings, detector: DetectorSpec, identity: Identity) -> list[Stage]:
    """Stages that make `Persons` of a video."""
    track, side = settings.video_track, settings.detect_size
    given = {} if identity.threshold is None else {"threshold": identity.threshold}
    follow = TrackFaces(least_score=detector.sure)
    if identity.spec is None:
        detect = DetectFaces(detector, track=track, short_side=side)
        return [detect, follow, IdentifyByAppearance(**given, notes=identity.notes)]
    finder, network = shared((detector, identity.spec))
    return [
        DetectFaces(finder, track=track, short_side=side),
        follow,
        EmbedFaces(network, track=track),
        IdentifyFaces(**given, people=identity.people, notes=identity.notes),
    ]


def speaking_stages(settings: Settings, active_speaker: LrAsdSpec | None) -> list[Stage]:
    """Stages that make `SpeakingPersons`; none without a network that sees who speaks."""
    if active_speaker is None:
        return []
    return [
        Decode(track=settings.track, required=False),
        DetectSpeaking(active_speaker, settings.video_track),
    ]


def faces_pipeline(
    settings: Settings,
    detector: DetectorSpec,
    identity: Identity,
    size: tuple[int, int],
    out: Path,
    active_speaker: LrAsdSpec | None = None,
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
            *person_stages(settings, detector, identity),
            *speaking_stages(settings, active_speaker),
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
