"""Convert frames of any format to int16 PCM at one rate, mono or one stream per channel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from av.audio.fifo import AudioFifo
from av.audio.frame import AudioFrame
from av.error import BlockingIOError as NotYet
from av.error import EOFError as NoMore
from av.filter import Graph

#: Frames are collected up to this many samples before filtering, because a codec's frames are so
#: small (20 to 60 ms) that Python's overhead would exceed the work.
_BATCH_SAMPLES = 1 << 16

#: At most this many seconds are collected: at a few samples a second, a block would be hours of
#: sound.
_BATCH_SECONDS = 16


class Sink(Protocol):
    """The destination of samples: a file or a `PcmFile`."""

    def write(self, data: bytes | memoryview, /) -> int: ...


class Mixdown:
    """Resamples one continuous run of frames of one format, a channel to each of `sinks`.

    Channels are averaged if there is a single sink, or if their number differs from the number of
    sinks. Plain averages (not FFmpeg's downmix, which drops the LFE channel) so that no channel of
    a multi-channel recorder is lost and nothing clips.
    """

    def __init__(self, first: AudioFrame, rate: int, sinks: Sequence[Sink]) -> None:
        self.source_rate = first.sample_rate
        self.source_samples = 0
        self.written = 0
        self._batch = max(1, min(_BATCH_SAMPLES, _BATCH_SECONDS * first.sample_rate))
        self._rate = rate
        self._sinks = sinks
        self._fifo = AudioFifo()
        self._gathered = 0
        self._graph = _graph(first, rate, len(sinks))

    def add(self, frame: AudioFrame) -> int:
        """Take a frame; returns how many samples were written to the sink meanwhile."""
        frame.pts = None  # this class does not handle times
        self._fifo.write(frame)
        self.source_samples += frame.samples
        self._gathered += frame.samples
        written = 0
        while self._gathered >= self._batch:
            written += self._drain()
        return written

    def finish(self) -> int:
        """Write what is left, including the filters' tail; returns the number of samples."""
        written = 0
        while self._gathered:
            written += self._drain()
        self._graph.push(None)
        return written + self._pull()

    def _drain(self) -> int:
        frame = self._fifo.read(self._batch, True)
        if frame is None:
            self._gathered = 0
            return 0
        self._gathered -= frame.samples
        frame.pts = None
        self._graph.push(frame)
        return self._pull()

    def _pull(self) -> int:
        written = 0
        while True:
            try:
                frame = self._graph.pull()
            except (NotYet, NoMore):
                return written
            assert isinstance(frame, AudioFrame)
            # PyAV counts one plane too many if there are eight or more channels.
            for sink, plane in zip(self._sinks, frame.planes, strict=False):
                # A plane may be padded beyond its samples.
                sink.write(memoryview(plane)[: 2 * frame.samples])
            written += frame.samples
            self.written += frame.samples


def frame_format(frame: AudioFrame) -> tuple[str, str, int, int]:
    """The properties that all frames of one `Mixdown` must share."""
    layout = frame.layout
    return frame.format.name, layout.name, layout.nb_channels, frame.sample_rate


def _graph(first: AudioFrame, rate: int, wanted: int) -> Graph:
    graph = Graph()
    channels = first.layout.nb_channels
    links = [
        graph.add_abuffer(
            sample_rate=first.sample_rate, format=first.format.name, layout=first.layout
        )
    ]
    if channels != wanted:  # FFmpeg's own conversion between layouts is not wanted
        mean = "+".join(f"{1 / channels:.9f}*c{c}" for c in range(channels))
        layout = "mono" if wanted == 1 else f"{wanted}c"
        links.append(graph.add("pan", "|".join([layout, *(f"c{c}={mean}" for c in range(wanted))])))
    links.append(graph.add("aresample", str(rate)))
    format_ = "s16:channel_layouts=mono" if wanted == 1 else "s16p"
    links.append(graph.add("aformat", f"sample_fmts={format_}"))
    links.append(graph.add("abuffersink"))
    graph.link_nodes(*links).configure()
    return graph
