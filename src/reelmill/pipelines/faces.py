"""The faces pipeline: from videos to clips of the people in them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from reelmill.engine.pipeline import Pipeline
from reelmill.engine.stage import Stage
from reelmill.export.names import SpeakerName
from reelmill.media.video.encode import Encoding
from reelmill.models.faces.detector import DetectorSpec
from reelmill.models.faces.network import FaceNetworkSpec
from reelmill.models.runtimes.shared import shared
from reelmill.pages.language import page_language
from reelmill.stages.clips.plan import PlanClips
from reelmill.stages.clips.render import RenderFaces
from reelmill.stages.clips.write import WriteClips
from reelmill.stages.faces.detect import DetectFaces
from reelmill.stages.faces.identify_appearance import IdentifyByAppearance
from reelmill.stages.faces.identify_faces import IdentifyFaces
from reelmill.stages.faces.known_people import KnownFace
from reelmill.stages.faces.name_persons import NamePersons
from reelmill.stages.faces.track import TrackFaces
from reelmill.stages.media.index_video import IndexVideo
from reelmill.stages.media.probe import Probe

if TYPE_CHECKING:
    from reelmill.models.faces.lr_asd import LrAsdSpec
    from reelmill.pipelines.diarization import Diarizer
    from reelmill.settings import Settings
    from reelmill.stages.clips.follow import Shape


@dataclass(frozen=True)
class Identity:
    """How people are told apart: by face with `spec`, otherwise by clothes.

    `threshold` is None for the default of the method. `people` are the faces of known people.
    `notes` is what the reader of the results should know.
    """

    spec: FaceNetworkSpec | None = None
    threshold: float | None = None
    people: tuple[KnownFace, ...] = ()
    notes: tuple[str, ...] = ()


def person_stages(
    settings: Settings, detector: DetectorSpec, identity: Identity, *, mouths: bool
) -> list[Stage]:
    """Stages that produce the `Persons` of a video, and pictures of `mouths` if they are wanted."""
    track, side = settings.video_track, settings.detect_size
    given = {} if identity.threshold is None else {"threshold": identity.threshold}
    follow = TrackFaces(
        least_score=detector.sure,
        min_face=settings.min_face,
        ignore_still=settings.ignore_still,
    )
    if identity.spec is None:
        detect = DetectFaces(detector, track=track, short_side=side, mouths=mouths)
        return [detect, follow, IdentifyByAppearance(**given, notes=identity.notes)]
    finder, network = shared((detector, identity.spec))
    return [
        DetectFaces(finder, network, track=track, short_side=side, mouths=mouths),
        follow,
        IdentifyFaces(identity.spec, **given, people=identity.people, notes=identity.notes),
    ]


@dataclass(frozen=True)
class Speech:
    """The stages for speakers and speech.

    `active_speaker` detects who is speaking on screen, `diarizer` tells voices apart, and
    `recognition` are the stages from decoded audio to transcript files. None or an empty sequence
    leaves it out.
    """

    active_speaker: LrAsdSpec | None = None
    diarizer: Diarizer | None = None
    recognition: tuple[Stage, ...] = ()


def speech_stages(settings: Settings, speech: Speech) -> list[Stage]:
    """Stages from the video's audio to `HeardPersons` and transcripts, as far as requested."""
    if speech.active_speaker is None and not speech.recognition:
        return []
    # Not imported for videos that nothing listens to: these stages are as much as all others.
    from reelmill.pipelines.diarization import diarization_stages
    from reelmill.stages.faces.link_voices import LinkVoices, NameTurns
    from reelmill.stages.faces.speaking import DetectSpeaking
    from reelmill.stages.media.decode import Decode

    listened = list(speech.recognition)
    seen: list[Stage] = []
    if speech.active_speaker is not None:
        seen = [DetectSpeaking(speech.active_speaker)]
        if speech.diarizer is not None:
            seen += [*diarization_stages(settings, speech.diarizer), LinkVoices()]
            seen += [NameTurns()] if listened else []
    # Both may need the stages of the diarizer, which are added only once.
    made = {stage.produces for stage in seen}
    stages = [*seen, *(stage for stage in listened if stage.produces not in made)]
    return [Decode(settings.track, settings.channels, required=False), *stages]


def faces_pipeline(
    settings: Settings,
    detector: DetectorSpec,
    identity: Identity,
    shapes: tuple[Shape, ...],
    out: Path,
    speech: Speech,
    names: tuple[SpeakerName, ...] = (),
) -> Pipeline:
    """From videos to clips in the first of `shapes`, or in all of them if they follow the speaker.

    Raises:
        UsageError: settings that cannot be carried out (formats).
    """
    layout = "follow" if settings.follow else settings.layout
    shown = {
        "detector": detector.name,
        "layout": layout,
        "size": None if layout == "overlay" else list(shapes[0][1]),
        "clip": settings.clip if layout == "single" else None,
        "target": settings.target,
        "top": settings.top,
        "min_share": settings.min_share,
        **({"shapes": [name for name, _ in shapes]} if settings.follow else {}),
    }
    return Pipeline(
        "faces",
        [
            Probe(),
            IndexVideo(settings.video_track),
            *person_stages(settings, detector, identity, mouths=speech.active_speaker is not None),
            *speech_stages(settings, speech),
            # Always there, so that naming somebody changes no keys of other videos' results.
            NamePersons(names),
            _planned(settings, shapes),
            RenderFaces(Encoding(settings.encoder, settings.preset, settings.quality)),
            WriteClips(
                root=out,
                formats=settings.face_formats,
                settings=tuple(shown.items()),
                language=page_language(settings.lang),
            ),
        ],
    )


def _planned(settings: Settings, shapes: tuple[Shape, ...]) -> Stage:
    """The stages that plan clips: of persons, or one that follows the speaker."""
    if settings.follow:
        from reelmill.stages.clips.follow import PlanFollow

        follow = PlanFollow(shapes)
        return replace(follow, face_share=settings.face_share or follow.face_share)
    width, height = shapes[0][1]
    clips = PlanClips(
        layout=settings.layout,
        width=width,
        height=height,
        clip_seconds=0.0 if settings.clip == "person" else settings.clip,
        target=settings.target,
        top=settings.top,
        min_share=settings.min_share,
    )
    return replace(clips, face_share=settings.face_share or clips.face_share)
