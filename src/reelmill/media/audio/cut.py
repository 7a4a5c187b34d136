"""Write stretches of a recording's sound, joined, as AAC: the sound of clips."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import av
import numpy as np
from av.audio.frame import AudioFrame

from reelmill.artifacts import Joint
from reelmill.core.progress import tick
from reelmill.core.recording import Recording, open_original
from reelmill.media.audio.placed import PlacedSound, Samples, choose_track
from reelmill.media.container import open_container

#: Sampling rates that AAC has (ISO/IEC 14496-3, table 1.18); others are resampled.
_AAC_RATES = frozenset(
    {8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000}
)
_USUAL_RATE = 48_000

#: Bits per second of one channel.
_BIT_RATE = 64_000

#: Sound is faded in and out at each cut, so that it does not click.
_FADE_SECONDS = 0.004


@dataclass(frozen=True)
class SoundCut:
    """A file to be written, and the stretches (start, end) of the original in seconds that it
    contains, in order and without gaps."""

    path: Path
    stretches: tuple[tuple[float, float], ...]


def cut_sound(
    source: Path | Recording,
    track: int | None,
    cuts: Sequence[SoundCut],
    joints: Sequence[Joint] = (),
) -> int:
    """Write each cut as an mp4 of AAC (mono or stereo) in one pass over the sound.

    A file is exactly as long as its stretches; missing sound becomes silence. Memory does not grow
    with the length.

    Args:
        track: the stream index; None for the main one.
        joints: the times at which recordings begin that were joined in the file.

    Returns:
        How many corrupt packets were left out.

    Raises:
        InputError: there is no sound that can be decoded.
        TransientError: I/O errors that can go away.
        OSError: a file cannot be written.
    """
    with (
        open_original(source) as original,
        open_container(original) as container,
        ExitStack() as opened,
    ):
        stream = choose_track(original.path, container, track)
        rate = stream.sample_rate if stream.sample_rate in _AAC_RATES else _USUAL_RATE
        layout = "mono" if stream.layout.nb_channels == 1 else "stereo"
        files = [opened.enter_context(_File(cut, rate, layout)) for cut in cuts]
        begin = min((cut.stretches[0][0] for cut in cuts if cut.stretches), default=0.0)
        reader = PlacedSound(original.path, container, stream, rate, layout, joints)
        for position, samples in reader.sound(begin):
            waiting = [file for file in files if not file.whole]
            if not waiting:
                break
            for file in waiting:
                file.take(position, samples)
        return reader.corrupt


class _File:
    """One cut being written. `whole`: it is complete."""

    def __init__(self, cut: SoundCut, rate: int, layout: str) -> None:
        bounds = ((round(start * rate), round(end * rate)) for start, end in cut.stretches)
        self._stretches = [(start, end) for start, end in bounds if end > start]
        self._fade = max(1, round(_FADE_SECONDS * rate))
        self._now = 0  # the stretch being filled
        self._at = self._stretches[0][0] if self._stretches else 0  # up to where, in the original
        self._written = 0
        self._channels = 1 if layout == "mono" else 2
        self._output = av.open(f"file:{cut.path.absolute()}", "w", format="mp4")
        self._stream = self._output.add_stream("aac", rate=rate, layout=layout)
        self._stream.bit_rate = _BIT_RATE * self._channels
        self._stream.codec_context.options = {"aac_coder": "fast"}
        self._resample = av.AudioResampler("fltp", layout, rate, frame_size=1024)

    @property
    def whole(self) -> bool:
        return self._now >= len(self._stretches)

    def take(self, position: int, samples: Samples) -> None:
        """Use the wanted part of samples at `position` in the original."""
        end = position + samples.shape[1]
        while not self.whole and self._at < end:
            if position > self._at:
                self._silence(position)
                continue
            stop = min(end, self._stretches[self._now][1])
            self._add(samples[:, self._at - position : stop - position])

    def _silence(self, until: int) -> None:
        """Write silence up to `until`, or to the end of the stretch."""
        missing = min(until, self._stretches[self._now][1]) - self._at
        self._add(np.zeros((self._channels, min(missing, 1 << 16)), np.float32))

    def _add(self, samples: Samples) -> None:
        count = samples.shape[1]
        first, last = self._stretches[self._now]
        at = np.arange(self._at, self._at + count)
        edge = np.minimum(at - first, last - 1 - at)
        if edge.min(initial=self._fade) < self._fade:
            samples = samples * np.minimum(1.0, (edge + 1) / self._fade).astype(np.float32)
        self._encode(samples)
        self._at += count
        if self._at >= last:
            self._now += 1
            if not self.whole:
                self._at = self._stretches[self._now][0]

    def _encode(self, samples: Samples) -> None:
        tick()
        layout = "mono" if self._channels == 1 else "stereo"
        frame = AudioFrame.from_ndarray(np.ascontiguousarray(samples), format="fltp", layout=layout)
        frame.sample_rate = self._stream.rate
        frame.pts = self._written
        self._written += samples.shape[1]
        for part in self._resample.resample(frame):
            self._output.mux(self._stream.encode(part))

    def __enter__(self) -> _File:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            while not self.whole:
                self._silence(self._stretches[self._now][1])
            for part in self._resample.resample(None):
                self._output.mux(self._stream.encode(part))
            self._output.mux(self._stream.encode(None))
        self._output.close()
