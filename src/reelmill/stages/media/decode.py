"""Decode: a recording's sound as mono 16 kHz samples in a file of ours."""

from __future__ import annotations

from dataclasses import dataclass

from reelmill.artifacts import Audio, Finding, Media
from reelmill.core.atomic import replacing, write_bytes
from reelmill.engine.stage import FileStage, Inputs, StageContext
from reelmill.errors import InputError, LimitError
from reelmill.media.audio.decode import SAMPLE_RATE
from reelmill.media.container import shown
from reelmill.stages.media.spoken_track import decode_track


@dataclass(frozen=True)
class Decode(FileStage):
    """Writes `decode-<track>.pcm` beside the artifact.

    `track`: which of the audio tracks, counted from 0; None for the main one, or for one with
    speech where nobody speaks in that. A finding names those left out. Raises InputError when there
    is no sound, LimitError when its sound is longer than is allowed or than fits on the disk, and
    leaves OSError (disk full) as the system says it. With `required` False a recording without
    sound, or whose sound cannot be read, gets no samples and a finding instead of those errors.
    """

    name = "decode"
    version = 4
    display_name = "Decoding the sound"
    commands = ("voice", "subtitle")
    needs = (Media,)
    produces = Audio
    temporary = True

    track: int | None = None
    required: bool = True

    def run(self, context: StageContext, inputs: Inputs) -> Audio:
        if not inputs[Media].audio:
            if not self.required:
                return _silent(context, Finding("no sound", text="the video has no sound"))
            raise InputError(
                f"{shown(context.recording.path)}: has no sound; "
                "give a recording with an audio track"
            )
        try:
            with replacing(context.path("pcm")) as file:
                decoded = decode_track(context.recording, file, inputs[Media].audio, self.track)
        except (InputError, LimitError) as error:
            if self.required:
                raise
            text = f"its sound could not be read: {error}"
            return _silent(context, Finding("sound not read", text=text, severity="warning"))
        return Audio(
            context.sidecar("pcm"), SAMPLE_RATE, decoded.samples, decoded.track, decoded.problems
        )


def _silent(context: StageContext, why: Finding) -> Audio:
    write_bytes(context.path("pcm"), b"")
    return Audio(context.sidecar("pcm"), SAMPLE_RATE, 0, -1, [why])
