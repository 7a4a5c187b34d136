"""Decode: decode a recording's sound to 16 kHz samples in files."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass

from reelmill.artifacts import Audio, Channel, Finding, Media
from reelmill.artifacts.media import channel_names
from reelmill.core.atomic import replacing, scratch_file, write_bytes
from reelmill.engine.stage import FileStage, Inputs, StageContext, setting
from reelmill.errors import InputError, LimitError
from reelmill.media.audio.decode import SAMPLE_RATE
from reelmill.media.audio.pcm_file import PcmFile
from reelmill.media.container import shown
from reelmill.stages.media.channel_files import ChannelFiles, PlannedSound
from reelmill.stages.media.spoken_track import TrackSound


@dataclass(frozen=True)
class Decode(FileStage):
    """Writes the sound beside the artifact, and each channel's too if they have one person each.

    `track`: number of the audio track, counted from 0; None for the main one, or for another one
    with speech if the main one has none. A finding names those left out.

    `channels`: `auto` decides by measurements, and a finding says how; `mix` averages them; `split`
    recognizes each separately; a number selects that one, counted from 1.

    Raises InputError if there is no sound and LimitError if it is longer than allowed or than fits
    on the disk; an OSError (disk full) passes through. With `required` False, a recording without
    readable sound gets no samples and a finding instead of these errors.
    """

    name = "decode"
    version = 5
    display_name = "Decoding the sound"
    commands = ("voice", "subtitle", "faces")
    needs = (Media,)
    produces = Audio
    temporary = True

    track: int | None = None
    channels: str = "auto"
    required: bool = True
    #: Seconds; a longer recording fails.
    longest: float | None = setting(None, affects_result=False)

    def run(self, context: StageContext, inputs: Inputs) -> Audio:
        if not inputs[Media].audio:
            if not self.required:
                return _silent(context, Finding("no sound", text="the video has no sound"))
            raise InputError(
                f"{shown(context.recording.path)}: has no sound; give a recording with an audio "
                "track"
            )
        try:
            return self._decode(context, inputs[Media])
        except (InputError, LimitError) as error:
            if self.required:
                raise
            text = f"its audio could not be read: {error}"
            return _silent(context, Finding("sound not read", text=text, severity="warning"))

    def _decode(self, context: StageContext, media: Media) -> Audio:
        with ExitStack() as files:
            file = files.enter_context(replacing(context.path("pcm"), durable=False))
            beside = ChannelFiles(
                lambda: scratch_file(context.path("pcm")), files, context.recording.path
            )
            sound = TrackSound(context.recording, file, beside, self.channels, self.longest)
            decoded = sound.decode_track(media.audio, self.track)
            channels = self._write_channels(context, sound.planned)
        return Audio(
            context.sidecar("pcm"),
            SAMPLE_RATE,
            decoded.samples,
            decoded.track,
            decoded.problems,
            channels,
        )

    def _write_channels(self, context: StageContext, sound: PlannedSound | None) -> list[Channel]:
        if sound is None:
            return []
        names, written = channel_names(len(sound.plan.gains)), []
        for at in sound.plan.apart:
            suffix = f"{names[at]}.pcm"
            with replacing(context.path(suffix), durable=False) as file:
                sound.write_channel(at, PcmFile(file, context.recording.path))
            written.append(Channel(names[at], context.sidecar(suffix)))
        return written


def _silent(context: StageContext, why: Finding) -> Audio:
    write_bytes(context.path("pcm"), b"")
    return Audio(context.sidecar("pcm"), SAMPLE_RATE, 0, -1, [why])
