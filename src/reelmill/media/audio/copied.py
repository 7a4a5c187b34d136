"""Write stretches of a recording's AAC, joined, without encoding it again.

A packet of AAC is a window over 2048 samples that begins and ends at zero, half of which the next
one overlaps (ISO/IEC 14496-3, 4.6.11: filterbank and block switching). Where packets of two
stretches meet, the one is therefore faded into the other within 1024 samples. A silent packet
before the first one and after the last one fades in and out, so that nothing clicks.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from fractions import Fraction
from itertools import accumulate
from pathlib import Path
from types import TracebackType
from typing import Any

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.packet import Packet

from reelmill.core.recording import Recording, open_original
from reelmill.media.audio.cut import SoundCut
from reelmill.media.audio.placed import PlacedSound, choose_track
from reelmill.media.container import open_container

#: Samples of a packet.
_PACKET = 1024
#: Below this rate half a packet is longer than a picture at 60 frames/s.
_LEAST_RATE = 32_000
#: The object type AAC LC, whose packets do not depend on each other but for the overlap.
_LOW_COMPLEXITY = 2
#: Packets of silence are all alike from this one on.
_SILENT = 3


def copy_sound(source: Path | Recording, track: int | None, cuts: Sequence[SoundCut]) -> int | None:
    """As `cut_sound`, of packets as they are in the recording.

    A stretch is up to half a packet (11 ms at 48 kHz, at most 16) early or late, because packets
    cannot be divided; what one is off is not added to the next.

    Returns:
        How many corrupt packets were left out; None if the sound has to be encoded: its packets are
        not AAC LC of one or two channels with a header apart from them. Files may then be there
        that are not whole.

    Raises:
        InputError, TransientError, OSError: as `cut_sound`.
    """
    with (
        open_original(source) as original,
        open_container(original) as container,
        ExitStack() as opened,
    ):
        stream = choose_track(original.path, container, track)
        if not _is_copyable(stream):
            return None
        rate, layout = stream.sample_rate, stream.layout.name
        silence = _silence(rate, layout)
        files = [opened.enter_context(_File(cut, stream, silence)) for cut in cuts]
        begin = min((cut.stretches[0][0] for cut in cuts if cut.stretches), default=0.0)
        sound = PlacedSound(original.path, container, stream, rate, layout)
        for position, packet, frames in sound.packets(begin, _PACKET):
            if not all(_is_like(frame, stream) for frame in frames or ()):
                return None
            waiting = [file for file in files if not file.whole]
            if not waiting:
                break
            data = silence if frames is None else bytes(packet)
            for file in waiting:
                file.take(position, data)
        return sound.corrupt


def _is_copyable(stream: AudioStream) -> bool:
    """Whether packets of a stream can be joined anew in an mp4, as its AudioSpecificConfig tells
    (ISO/IEC 14496-3, 1.6.2.1)."""
    context = stream.codec_context
    header = context.extradata or b""
    if context.name != "aac" or len(header) < 2 or stream.sample_rate < _LEAST_RATE:
        return False
    channels, special = header[1] >> 3 & 0b1111, header[1] & 0b111
    return header[0] >> 3 == _LOW_COMPLEXITY and channels in (1, 2) and not special


def _is_like(frame: AudioFrame, stream: AudioStream) -> bool:
    """Whether a decoded frame is what the header says: no spectral band replication (which doubles
    samples), no change on the way."""
    return (
        frame.samples <= _PACKET
        and frame.sample_rate == stream.sample_rate
        and frame.layout.name == stream.layout.name
    )


def _silence(rate: int, layout: str) -> bytes:
    """A packet of AAC LC that is silent."""
    encoder: Any = av.CodecContext.create("aac", "w")
    encoder.sample_rate, encoder.layout, encoder.format = rate, layout, "fltp"
    encoder.time_base = Fraction(1, rate)
    frame = AudioFrame.from_ndarray(
        np.zeros((1 if layout == "mono" else 2, _PACKET), np.float32), "fltp", layout
    )
    frame.sample_rate = rate
    packets: list[bytes] = []
    for number in range(_SILENT + 2):
        frame.pts = number * _PACKET
        packets += [bytes(packet) for packet in encoder.encode(frame)]
    return packets[_SILENT]


class _File:
    """One cut being written, a packet for each 1024 samples. `whole`: it is complete."""

    def __init__(self, cut: SoundCut, stream: AudioStream, silence: bytes) -> None:
        rate = stream.sample_rate
        bounds = [(round(start * rate), round(end * rate)) for start, end in cut.stretches]
        self._stretches = [(start, end) for start, end in bounds if end > start]
        #: Where each stretch ends in the cut.
        self._ends = list(accumulate(end - start for start, end in self._stretches))
        self._silence = silence
        self._now = 0  # the stretch in which the next packet lies
        self._output = av.open(f"file:{cut.path.absolute()}", "w", format="mp4")
        self._stream = self._output.add_stream_from_template(stream, opaque=True)
        self._stream.codec_context.codec_tag = "mp4a"
        self._stream.time_base = self._base = Fraction(1, rate)
        #: Where in the cut the next packet begins. What is before 0 is left out by players.
        self._at = -_PACKET
        self._write(silence)

    @property
    def whole(self) -> bool:
        return not self._ends or self._at >= self._ends[-1]

    def take(self, position: int, data: bytes) -> None:
        """Use a packet where the cut wants it.

        Args:
            position: where in the original what it decodes to begins, in samples; never less than
                in the call before.
        """
        while not self.whole:
            wanted = self._wanted()
            if wanted >= position + _PACKET:
                return
            is_last = self._at + _PACKET >= self._ends[-1]
            self._write(self._silence if wanted < position or is_last else data)

    def _wanted(self) -> int:
        """The position in the original of the middle of the next packet."""
        middle = self._at + _PACKET // 2
        while self._now < len(self._ends) - 1 and middle >= self._ends[self._now]:
            self._now += 1
        return self._stretches[self._now][1] - (self._ends[self._now] - middle)

    def _write(self, data: bytes) -> None:
        packet = Packet(data)
        packet.stream, packet.time_base = self._stream, self._base
        packet.pts = packet.dts = self._at
        left = self._ends[-1] - self._at if self._ends else 0
        packet.duration = min(_PACKET, max(1, left))
        packet.is_keyframe = True
        self._output.mux(packet)
        self._at += _PACKET

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
                self._write(self._silence)
        self._output.close()
