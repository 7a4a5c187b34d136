"""Builds a faces run: finds or downloads the models."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from reelmill.core.notices import announce
from reelmill.engine.pipeline import Pipeline
from reelmill.engine.stage import Stage
from reelmill.export.names import SpeakerName
from reelmill.models.faces.detector import DetectorSpec
from reelmill.models.faces.detectors import detector_spec
from reelmill.models.faces.files import APPEARANCE, face_spec
from reelmill.models.faces.lr_asd_files import LR_ASD, speaking_spec
from reelmill.models.faces.network import FaceNetworkSpec
from reelmill.pipelines.choices import BuildContext
from reelmill.pipelines.faces import Identity, Speech, faces_pipeline
from reelmill.pipelines.faces_settings import clip_shapes
from reelmill.pipelines.known_people import known_people
from reelmill.pipelines.names import keep_names, speaker_names
from reelmill.pipelines.registry import with_added
from reelmill.settings import Settings
from reelmill.stages.faces.across import BY_CLOTHES
from reelmill.stages.faces.known_people import KnownFace

#: The key under which the names of persons are kept. Voices of `reelmill voice` have other letters.
_PERSONS = "names of persons"
NOT_BY_CLOTHES = (
    "nobody could be named: reference pictures show faces, but people were told apart by their "
    "clothes; leave out --identity to use faces"
)


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


def keep_person_names(out: Path, recording: str, names: Mapping[str, str]) -> None:
    """Name persons of a recording, by their letters, in all later runs on an output folder.

    Args:
        out: the output folder.
        recording: the recording's file name.
        names: by letter; an empty one takes an earlier one back.
    """
    keep_names(out, [SpeakerName(*pair, recording) for pair in names.items()], _PERSONS)


def choose_speech(context: BuildContext) -> Speech:
    """The requested models that listen to the videos.

    Raises:
        ModelUnavailableError: a network that was named, or the recognizer, is not available.
    """
    settings = context.settings
    speaker, diarizer = None, None
    # What listens is imported only if it is asked for: it is as much as all the rest.
    if settings.active_speaker is not None or settings.follow:
        from reelmill.pipelines.fallbacks import choose_diarizer

        speaker = speaking_spec(settings.active_speaker or LR_ASD)
        diarizer = choose_diarizer(settings)
    recognized: tuple[Stage, ...] = ()
    if settings.transcript or settings.captions:
        from reelmill.pipelines.voice_builder import recognition
        from reelmill.stages.media.decode import Decode
        from reelmill.stages.media.probe import Probe

        decoded = (Probe, Decode)
        stages = recognition(context).stages
        recognized = tuple(stage for stage in stages if not isinstance(stage, decoded))
    if settings.captions:
        from reelmill.stages.clips.captions import PlanCaptions

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
