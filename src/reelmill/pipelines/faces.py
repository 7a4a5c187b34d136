"""Faces: videos to clips of the people in them."""

from __future__ import annotations

from pathlib import Path

from reelmill.engine.pipeline import Pipeline
from reelmill.engine.stage import ModelSpec
from reelmill.media.encode_video import Encoding
from reelmill.settings import Settings
from reelmill.stages.detect_faces import DetectFaces
from reelmill.stages.identify_appearance import IdentifyByAppearance
from reelmill.stages.plan_clips import PlanClips
from reelmill.stages.probe import Probe
from reelmill.stages.render_faces import RenderFaces
from reelmill.stages.track_faces import TrackFaces
from reelmill.stages.write_clips import WriteClips


def faces_pipeline(
    settings: Settings, detector: ModelSpec, size: tuple[int, int], out: Path
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
            TrackFaces(),
            IdentifyByAppearance(),
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
