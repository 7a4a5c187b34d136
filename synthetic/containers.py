"""Sound written to files of many kinds, and files that are no longer what their headers say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
from av.audio.frame import AudioFrame

from synthetic.synth import RATE, Samples, resample

_FRAME = 1024
_LAYOUTS = {1: "mono", 2: "stereo", 6: "5.1"}
#: Raw AMR: how it begins, the length of a packet at 12.2 kbit/s, and of what a telephone sends in
#: pauses (a comfort noise packet, then some that say that there is nothing).
_AMR, _AMR_RATE = b"#!AMR\n", 8_000
_COMFORT_NOISE, _NO_DATA = bytes([0x44]) + bytes(5), bytes([0x7C])
_PACKET_SECONDS, _NOISE_EVERY = 0.02, 8


def write_tracks(
    path: Path,
    tracks: Sequence[npt.NDArray[np.float32]],
    container: str,
    codec: str,
    options: Mapping[str, str] | None = None,
    languages: Sequence[str] = (),
    rate: int = RATE,
    given: int | None = None,
) -> None:
    """Write sounds, each (channels, samples), as the tracks of a file.

    `rate` is the file's; that of the samples is `given`, where it is another. Raises PyAV's errors.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(
        f"file:{path.absolute()}", "w", format=container, options=dict(options or {})
    ) as output:
        streams = []
        for number, track in enumerate(tracks):
            stream = output.add_stream(codec, rate=rate, layout=_LAYOUTS[len(track)])
            stream.codec_context.options = {"strict": "experimental"}
            if codec not in ("flac", "pcm_s16le"):
                stream.codec_context.bit_rate = 96_000 if len(track) < 3 else 320_000
            if number < len(languages):
                stream.metadata["language"] = languages[number]
            streams.append(stream)
        for stream, track in zip(streams, tracks, strict=True):
            for frame in _frames(track, stream, given or rate):
                output.mux(stream.encode(frame))
            output.mux(stream.encode(None))


def _frames(track: npt.NDArray[np.float32], stream: av.AudioStream, rate: int) -> list[AudioFrame]:
    context = stream.codec_context
    resampler = av.AudioResampler(
        context.format.name, context.layout.name, context.sample_rate, context.frame_size or _FRAME
    )
    planes = np.ascontiguousarray(np.clip(track, -1, 1), np.float32)
    frame = AudioFrame.from_ndarray(planes, format="fltp", layout=context.layout.name)
    frame.sample_rate, frame.pts, frame.time_base = rate, 0, Fraction(1, rate)
    return [*resampler.resample(frame), *resampler.resample(None)]


def moov_first() -> dict[str, str]:
    """Options for an mp4 whose index comes before its sound."""
    return {"movflags": "+faststart"}


def with_stated_length(wav: bytes, stated: int) -> bytes:
    """A WAV whose header states so many bytes of sound."""
    at = wav.index(b"data") + 4
    return wav[:at] + stated.to_bytes(4, "little") + wav[at + 4 :]


def damaged_adts(data: bytes, rate: int, *places: tuple[float, float]) -> bytes:
    """Raw AAC of which the frames between these times (s) hold ones instead of sound."""
    changed = bytearray(data)
    at = number = 0
    while at < len(changed):
        size = (changed[at + 3] & 3) << 11 | changed[at + 4] << 3 | changed[at + 5] >> 5
        seconds = number * _FRAME / rate
        if any(start <= seconds < end for start, end in places):
            changed[at + 7 : at + size] = b"\xff" * (size - 7)
        at, number = at + size, number + 1
    return bytes(changed)


def two_links(path: Path, first: npt.NDArray[np.float32], second: npt.NDArray[np.float32]) -> None:
    """An Ogg of two links of Vorbis in stereo, given at 16 kHz: the first (1, samples) is written
    at half of that, the second (2, samples) at the whole."""
    low = resample(first[0], RATE, RATE // 2)
    links = []
    for track, rate in ((np.stack([low, low]), RATE // 2), (second, RATE)):
        write_tracks(path, [track], "ogg", "vorbis", rate=rate)
        links.append(path.read_bytes())
    path.write_bytes(b"".join(links))


def amr_with_pauses(parts: Sequence[tuple[Samples, float]]) -> bytes:
    """Raw AMR at 12.2 kbit/s: sounds at 16 kHz, each followed by a pause of so many seconds that is
    not sent."""
    made = [_AMR]
    for samples, seconds in parts:
        made.append(_amr_packets(resample(samples, RATE, _AMR_RATE)))
        made += [
            _COMFORT_NOISE if number % _NOISE_EVERY == 0 else _NO_DATA
            for number in range(round(seconds / _PACKET_SECONDS))
        ]
    return b"".join(made)


def _amr_packets(samples: Samples) -> bytes:
    encoder = av.CodecContext.create("libopencore_amrnb", "w")
    assert isinstance(encoder, av.AudioCodecContext)
    encoder.sample_rate, encoder.layout, encoder.format = _AMR_RATE, "mono", "s16"
    encoder.bit_rate, encoder.time_base = 12_200, Fraction(1, _AMR_RATE)
    size = round(_AMR_RATE * _PACKET_SECONDS)
    whole = samples[: len(samples) // size * size]
    made = []
    for start in range(0, len(whole), size):
        piece = np.round(np.clip(whole[start : start + size], -1, 1) * 32767).astype(np.int16)
        frame = AudioFrame.from_ndarray(piece[None], format="s16", layout="mono")
        frame.sample_rate, frame.pts = _AMR_RATE, start
        made += [bytes(packet) for packet in encoder.encode(frame)]
    return b"".join([*made, *(bytes(packet) for packet in encoder.encode(None))])
