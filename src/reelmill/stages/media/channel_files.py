"""Keep the sound of a recording's channels in temporary files."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import IO

import numpy as np

from reelmill.core.arrays import Float32, Int16
from reelmill.media.audio.pcm_file import PcmFile
from reelmill.media.audio.samples import release
from reelmill.stages.media.channel_levels import Levels, own_sound
from reelmill.stages.media.channel_plan import ChannelPlan
from reelmill.stages.speech.vad_segments import HOP

#: Samples written at a time: a minute.
_WRITTEN = 1875 * HOP


class ChannelFiles:
    """Temporary files, one for each decoded channel.

    Args:
        opened: opens a temporary file.
        files: closes them.
        original: the recording the sound is from.
    """

    def __init__(
        self,
        opened: Callable[[], AbstractContextManager[IO[bytes]]],
        files: ExitStack,
        original: Path,
    ) -> None:
        self._opened, self._files, self._original = opened, files, original
        self._made: list[IO[bytes]] = []
        self._sinks: list[PcmFile] = []
        self.layout = ""

    def sinks(self, layout: str, count: int) -> Sequence[PcmFile]:
        """An empty file for each channel, as `decode` asks for them."""
        self.layout = layout
        while len(self._made) < count:
            self._made.append(self._files.enter_context(self._opened()))
        # The mixed sound is written separately.
        self._sinks = [PcmFile(file, self._original, count + 1) for file in self._made[:count]]
        return self._sinks

    def forget(self) -> None:
        """Make the files empty, for another track."""
        self._sinks = []
        for file in self._made:
            file.seek(0)
            file.truncate()

    def samples(self, count: int) -> list[Int16]:
        """The channels, `count` samples each, as memory maps; empty for a sound with one
        channel."""
        for sink in self._sinks:
            sink.finish()
        if not count:
            return []
        return [
            np.memmap(file, dtype="<i2", mode="r", shape=(count,))
            for file in self._made[: len(self._sinks)]
        ]


class PlannedSound:
    """The channels of a recording, processed by a plan."""

    def __init__(self, plan: ChannelPlan, levels: Levels, channels: Sequence[Int16]) -> None:
        self.plan = plan
        self._channels = channels
        into = {leak.into for leak in plan.leaks}
        self._own = {at: own_sound(at, levels.db, plan.leaks).astype(np.float32) for at in into}

    def write_mixed(self, sink: PcmFile) -> None:
        """Write the mixed sound, with the plan's gains."""
        used = [(at, np.float32(gain)) for at, gain in enumerate(self.plan.gains) if gain]
        for start, end in self._pieces():
            sound = np.zeros(end - start, np.float32)
            for at, gain in used:
                sound += gain * self._piece(at, start, end)
            _write(sink, sound)
        sink.finish()

    def write_channel(self, at: int, sink: PcmFile) -> None:
        """Write a channel without the sound that leaks into it."""
        for start, end in self._pieces():
            _write(sink, self._piece(at, start, end))
        sink.finish()

    def _pieces(self) -> Iterator[tuple[int, int]]:
        count = len(self._channels[0])
        for start in range(0, count, _WRITTEN):
            yield start, min(start + _WRITTEN, count)

    def _piece(self, at: int, start: int, end: int) -> Float32:
        samples = self._channels[at]
        sound = samples[start:end].astype(np.float32)
        release(samples)
        own = self._own.get(at)
        if own is not None:
            middles = (np.arange(len(own)) + 0.5) * HOP
            sound *= np.interp(np.arange(start, end), middles, own).astype(np.float32)
        return sound


def _write(sink: PcmFile, sound: Float32) -> None:
    sink.write(np.clip(np.rint(sound), -32768, 32767).astype("<i2").data)
