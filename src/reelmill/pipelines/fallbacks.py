"""Optional parts that the settings ask for. Where one is not available, the run continues with the
default, and one line says what is lost and how to get it."""

from __future__ import annotations

from reelmill.core.notices import announce
from reelmill.errors import ModelUnavailableError
from reelmill.models.alignment.aligners import NONE
from reelmill.models.files.cache import ModelFiles
from reelmill.models.files.catalog import DEMO
from reelmill.models.speakers.files import DEFAULT, encoder_spec, segmentation_spec
from reelmill.models.speakers.pyannote import PyannoteSpec
from reelmill.models.speakers.pyannote_files import pyannote_spec
from reelmill.models.whisperx.files import aligner_spec, find_whisperx, recognizer_spec
from reelmill.models.whisperx.whisperx import WhisperXAlignerSpec, WhisperXOptions
from reelmill.pipelines.diarization import Diarizer, NetworksDiarizer, PyannoteDiarizer
from reelmill.pipelines.whisperx import WhisperX
from reelmill.settings import Settings


class Lacking:
    """Collects what a run has to do without, and announces it."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def tell(self, asked: str, error: ModelUnavailableError) -> None:
        self.notes.append(f"{asked}: {error}. The default is used instead.")
        announce(self.notes[-1])


def choose_engine(settings: Settings, files: ModelFiles, lacking: Lacking) -> WhisperX | None:
    """WhisperX, if it is requested and available, with the Whisper model `files`; otherwise
    None."""
    if settings.engine != "whisperx":
        return None
    try:
        found = find_whisperx(settings.python)
    except ModelUnavailableError as error:
        lacking.tell("--engine whisperx", error)
        return None
    options = WhisperXOptions(
        settings.beam_size, settings.initial_prompt, settings.hotwords, settings.batch_size
    )
    aligner: WhisperXAlignerSpec | None = None
    if settings.align and settings.aligner == NONE:
        announce("--aligner none: WhisperX has no word times of its own, so words get no times")
    elif settings.align:
        if settings.aligner == DEMO:
            announce(
                "--aligner demo works only with the default engine; WhisperX uses its own "
                "aligner for the language"
            )
        aligner = aligner_spec(found, None if settings.aligner == DEMO else settings.aligner)
    recognizer = recognizer_spec(found, files, options, settings.compute_type)
    return WhisperX(recognizer, aligner)


def choose_diarizer(settings: Settings) -> Diarizer | None:
    """The requested diarizer, or the default one with a notice that says why."""
    if settings.diarizer == "none":
        return None
    lacking = Lacking()
    if settings.diarizer == "pyannote":
        try:
            return PyannoteDiarizer(_pyannote(settings))
        except ModelUnavailableError as error:
            lacking.tell("--diarizer pyannote", error)
    segmentation, encoder = settings.speaker_segmentation, settings.speaker_encoder
    try:
        segmentation_network = segmentation_spec(segmentation)
    except ModelUnavailableError as error:
        lacking.tell(f"--speaker-segmentation {segmentation}", error)
        segmentation_network = segmentation_spec(DEFAULT)
    try:
        encoder_network = encoder_spec(encoder)
    except ModelUnavailableError as error:
        lacking.tell(f"--speaker-encoder {encoder}", error)
        encoder_network = encoder_spec(DEFAULT)
    return NetworksDiarizer(segmentation_network, encoder_network, tuple(lacking.notes))


def _pyannote(settings: Settings) -> PyannoteSpec:
    return pyannote_spec(settings.python, settings.pyannote_model)
