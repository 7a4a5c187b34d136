"""Builds a faces run: checks the settings, and finds or downloads the models."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from reelmill.core.notices import announce
from reelmill.engine.pipeline import Pipeline
from reelmill.engine.stage import Stage
from reelmill.errors import UsageError
from reelmill.export.transcript.names import SpeakerName
from reelmill.models.faces.detector import DetectorSpec
from reelmill.models.faces.detectors import detector_spec
from reelmill.models.faces.files import APPEARANCE, face_spec
from reelmill.models.faces.lr_asd_files import LR_ASD, speaking_spec
from reelmill.models.faces.network import FaceNetworkSpec
from reelmill.pipelines.choices import BuildContext
from reelmill.pipelines.faces import Identity, Speech, faces_pipeline
from reelmill.pipelines.fallbacks import choose_diarizer
from reelmill.pipelines.known_people import known_people
from reelmill.pipelines.registry import with_added
from reelmill.pipelines.voice_builder import recognition, speaker_names
from reelmill.settings import Settings, load_face_settings
from reelmill.stages.clips.captions import PlanCaptions
from reelmill.stages.clips.follow import Shape
from reelmill.stages.faces.across import BY_CLOTHES
from reelmill.stages.faces.known_people import KnownFace
from reelmill.stages.media.decode import Decode
from reelmill.stages.media.probe import Probe

#: Default shorter side in pixels and shape of clips, as in the program that Reelmill replaces.
_CLIP, _SPLIT, _FOLLOW = (250, "1:1"), (1080, "16:9"), (1080, "9:16")
_MOST_ASPECT = 10
#: The key under which the names of persons are kept. Voices of `reelmill voice` have other letters.
_PERSONS = "names of persons"
NOT_BY_CLOTHES = (
    "nobody could be named: reference pictures show faces, but people were told apart by their "
    "clothes; leave out --identity to use faces"
)
_ASPECT = re.compile(r"(\d+(?:\.\d+)?)[:x/](\d+(?:\.\d+)?)")


def faces_settings(given: dict[str, Any]) -> Settings:
    """Load the settings. Raises UsageError for a value that is not valid."""
    settings = load_face_settings(**given)
    if settings.clip != "person" and settings.clip < 1:
        raise UsageError(f"--clip {settings.clip:g}: give at least 1 second, or `person`")
    clip_shapes(settings)
    if settings.follow and settings.layout != "single":
        raise UsageError(
            f"--follow {settings.follow} already determines the layout: leave out --layout "
            f"{settings.layout}, or --follow"
        )
    return settings


def clip_shapes(settings: Settings) -> tuple[Shape, ...]:
    """Name, width and height of clips: one shape, or any number for a video that follows the
    speaker.

    Raises:
        UsageError: a shape is none.
    """
    if not settings.follow:
        side, shape = _SPLIT if settings.layout == "split" else _CLIP
        shapes = [settings.aspect or shape]
    else:
        side, shape = _FOLLOW
        shapes = [one.strip() for one in (settings.aspect or shape).split(",")]
    sizes = {_shape_name(one): _clip_size(settings, one, settings.size or side) for one in shapes}
    return tuple(sizes.items())


def _shape_name(shape: str) -> str:
    return re.sub(r"[:/]", "x", shape.replace(" ", ""))


def _clip_size(settings: Settings, shape: str, side: int) -> tuple[int, int]:
    parts = _ASPECT.fullmatch(shape.replace(" ", ""))
    across, down = (float(part) for part in parts.groups()) if parts else (0.0, 0.0)
    if min(across, down) <= 0 or not 1 / _MOST_ASPECT <= across / down <= _MOST_ASPECT:
        raise UsageError(f"--aspect {shape}: give width:height, e.g. 9:16, 1:1 or 16:9")
    scale = side / min(across, down)
    # H.264 needs even sides, and so does each half of a split, side by side or stacked.
    wide, tall = 4 if settings.layout == "split" else 2, 4 if settings.follow else 2
    return wide * max(1, round(across * scale / wide)), tall * max(1, round(down * scale / tall))


def build_faces(context: BuildContext) -> Pipeline:
    """Build the stages of `reelmill faces` with their models.

    Raises:
        ModelUnavailableError: a network that was named is not available.
        UsageError: settings that cannot be carried out.
    """
    settings = context.settings
    detector = detector_spec(settings.detector)
    identity = choose_identity(settings, detector, context.out)
    speech = choose_speech(context)
    names = person_names(settings, context.out)
    shapes = clip_shapes(settings)
    if vain := _without_effect(settings):
        announce(f"--follow {settings.follow} shows whoever speaks, all the time: {vain}")
    return with_added(
        faces_pipeline(settings, detector, identity, shapes, context.out, speech, names), settings
    )


def _without_effect(settings: Settings) -> str:
    """The given options that choose clips of persons, where there are none."""
    given = {"target", "top", "min_share", "clip"} & settings.model_fields_set
    if not settings.follow or not given:
        return ""
    options = ", ".join(f"--{name.replace('_', '-')}" for name in sorted(given))
    return f"{options} {'has' if len(given) == 1 else 'have'} no effect"


def person_names(settings: Settings, out: Path) -> tuple[SpeakerName, ...]:
    """The names of persons given now and earlier. Raises as `speaker_names`."""
    return speaker_names(settings, out, _PERSONS)


def choose_speech(context: BuildContext) -> Speech:
    """The requested models that listen to the videos.

    Raises:
        ModelUnavailableError: a network that was named, or the recognizer, is not available.
    """
    settings = context.settings
    speaker, diarizer = None, None
    if settings.active_speaker is not None or settings.follow:
        speaker = speaking_spec(settings.active_speaker or LR_ASD)
        diarizer = choose_diarizer(settings)
    recognized: tuple[Stage, ...] = ()
    if settings.transcript or settings.captions:
        decoded = (Probe, Decode)
        stages = recognition(context).stages
        recognized = tuple(stage for stage in stages if not isinstance(stage, decoded))
    if settings.captions:
        recognized += (PlanCaptions(),)
    return Speech(speaker, diarizer, recognized)


def choose_identity(settings: Settings, detector: DetectorSpec, out: Path) -> Identity:
    """The requested way of telling people apart, with the known people.

    Raises:
        ModelUnavailableError: the network that was named is not available.
        UsageError: no faces in the pictures of known people.
    """
    spec: FaceNetworkSpec | None = None
    if settings.identity != APPEARANCE:
        spec = face_spec(settings.identity)
    if settings.across and spec is None:
        announce(f"--across: {BY_CLOTHES}")
    people: tuple[KnownFace, ...] = ()
    notes: tuple[str, ...] = ()
    if settings.people is not None and spec is None:
        notes = (NOT_BY_CLOTHES,)
        announce(f"--people {settings.people}: {NOT_BY_CLOTHES}")
    elif settings.people is not None and spec is not None:
        people = known_people(settings.people, detector, spec, out / ".cache")
    return Identity(spec, settings.identity_threshold, people, notes)
