"""Convert pictures of high dynamic range (PQ and HLG) to BT.709, which every screen shows."""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt
from av.video.frame import VideoFrame

from reelmill.core.arrays import Float32, UInt8

#: Transfer characteristics of ITU-T H.273: SMPTE ST 2084 and ARIB STD-B67.
PQ, HLG = 16, 18
#: Matrix, transfer and primaries of the result, by the same numbers; limited range.
BT709, LIMITED = 1, 1
_BT2020 = 9

#: The luminance in nits of reference white (ITU-R BT.2408), which becomes SDR white, and of HLG's
#: peak.
_WHITE_NITS, _PEAK_NITS = 203.0, 1000.0
#: Tone mapping changes nothing up to this value; above it, values roll off to the peak.
_KNEE = 0.6
_OUT_GAMMA = 1 / 2.4  # ITU-R BT.1886
_OUT_STEPS = 4095

#: The most values (pixels times channels) that are computed; larger pictures use a colour table.
_MOST_COMPUTED = 900_000

_TO_709 = np.array(  # ITU-R BT.2087: linear BT.2020 to BT.709
    [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]],
    np.float32,
)
_LUMINANCE = np.array([0.2627, 0.6780, 0.0593], np.float32)


def is_hdr(frame: VideoFrame) -> bool:
    """Whether a frame's transfer function is PQ or HLG."""
    return int(frame.color_trc) in (PQ, HLG)


def to_sdr(frame: VideoFrame, like: VideoFrame) -> VideoFrame:
    """Convert a frame in 4:2:0, with the high dynamic range colours of `like`, to BT.709 in limited
    range."""
    frame.colorspace, frame.color_range = like.colorspace, like.color_range
    rgb: UInt8 = frame.reformat(format="rgb24", threads=1).to_ndarray().astype(np.uint8, copy=False)
    transfer = int(like.color_trc)
    mapped = sdr(rgb, transfer) if rgb.size <= _MOST_COMPUTED else _table(transfer)[_places(rgb)]
    shown = VideoFrame.from_ndarray(mapped, format="rgb24")
    return shown.reformat(
        format=frame.format.name,
        dst_colorspace=BT709,
        src_color_range=2,
        dst_color_range=LIMITED,
        threads=1,
    )


def sdr(rgb: UInt8, transfer: int) -> UInt8:
    """RGB (height, width, 3) with BT.2020's primaries to RGB with those of BT.709.

    Reference white becomes white, and brighter values roll off (the Möbius curve of FFmpeg's
    `tonemap`), with the hue kept.
    """
    light: Float32 = _linear(transfer).take(rgb)
    if transfer == HLG:  # ITU-R BT.2100, table 5: from scene light to display light
        luminance = light @ _LUMINANCE
        light = light * (_PEAK_NITS / _WHITE_NITS * luminance**0.2)[..., None]
    light = np.maximum(light @ _TO_709.T, 0)
    # Several times as fast as the maximum along an axis of three.
    strongest = np.maximum(np.maximum(light[..., 0], light[..., 1]), light[..., 2])
    strongest = np.maximum(strongest, 1e-6)
    light *= (_rolled_off(strongest) / strongest)[..., None]
    np.sqrt(np.clip(light, 0, 1, out=light), out=light)
    light *= _OUT_STEPS
    shown: UInt8 = _encoded().take(light.astype(np.int32))
    return shown


@cache
def _table(transfer: int) -> UInt8:
    """The table of converted colours, with 7 bits a channel."""
    steps = np.arange(0, 256, 2, dtype=np.uint8)
    grid = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), axis=-1)
    return sdr(grid.reshape(-1, 128, 3), transfer).reshape(-1, 3)


def _places(rgb: UInt8) -> npt.NDArray[np.int32]:
    red, green, blue = (rgb[..., channel].astype(np.int32) >> 1 for channel in range(3))
    return (red << 14) | (green << 7) | blue


@cache
def _linear(transfer: int) -> Float32:
    """The light for each 8-bit value, 1 for reference white (for HLG: of the scene)."""
    value = np.arange(256) / 255
    if transfer == HLG:
        a, b, c = 0.17883277, 0.28466892, 0.55991073
        light = np.where(value <= 0.5, value**2 / 3, (np.exp((value - c) / a) + b) / 12)
        return light.astype(np.float32)
    m1, m2, c1, c2, c3 = 0.1593017578125, 78.84375, 0.8359375, 18.8515625, 18.6875
    power = value ** (1 / m2)
    nits = 10_000 * (np.maximum(power - c1, 0) / (c2 - c3 * power)) ** (1 / m1)
    return (nits / _WHITE_NITS).astype(np.float32)


@cache
def _encoded() -> UInt8:
    """The 8-bit value for each step of the root of light."""
    root = np.arange(_OUT_STEPS + 1) / _OUT_STEPS
    return np.round(255 * (root**2) ** _OUT_GAMMA).astype(np.uint8)


def _rolled_off(light: Float32) -> Float32:
    peak, knee = _PEAK_NITS / _WHITE_NITS, _KNEE
    a = -(knee**2) * (peak - 1) / (knee**2 - 2 * knee + peak)
    b = (knee**2 - 2 * knee * peak + peak) / (peak - 1)
    rolled = (b**2 + 2 * b * knee + knee**2) / (b - a) * (light + a) / (light + b)
    return np.where(light <= knee, light, np.minimum(rolled, 1)).astype(np.float32)
