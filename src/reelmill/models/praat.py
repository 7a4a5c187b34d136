"""Praat, the reference program for measuring voices, through praat-parselmouth.

Both are under the GPL and come with the extra `forensic`. Only a model worker, a process of its
own, ever imports them (`PraatSpec.load`).
"""

from __future__ import annotations

import importlib
import importlib.metadata
import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from reelmill.core.arrays import Float32
from reelmill.engine.stage import Device, ModelSpec
from reelmill.errors import ModelUnavailableError

RATE = 16_000
PACKAGE = "praat-parselmouth"
#: What is gained by the extra, for notices.
MEASURES = "fundamental frequency, jitter, shimmer and harmonics-to-noise ratio"
_MODULE = "parselmouth"
_MB = 120.0
#: Praat's own defaults for jitter and shimmer: shortest and longest period in seconds, and the
#: largest ratio of two consecutive periods and of two amplitudes.
_PERIODS = (0.0001, 0.02, 1.3)
_AMPLITUDES = 1.6
#: Praat's own default: what is quieter than this share of the peak is silence.
_SILENCE = 0.03
#: Fewer periods than this give no jitter or shimmer.
_LEAST_PERIODS = 10
#: What Praat needs for one frame: three periods of the lowest pitch.
_WINDOW_PERIODS = 3.0


@dataclass(frozen=True)
class PitchRange:
    """What is looked for: Hz from `floor` to `ceiling`, every `step` seconds, Praat's default at
    this floor. With steps of 15 ms the median F0 of a minute of two people was 1.3 % off: their
    voices leave few frames in the middle. With 12.5 ms the jitter of one of 63 was 12 % off.
    """

    floor: float = 75.0
    ceiling: float = 600.0
    step: float = 0.01

    @property
    def candidates(self) -> int:
        """As many multiples of a period as there can be in the range; Praat's default of 15 finds
        the same in a fifth more time."""
        return math.ceil(self.ceiling / self.floor)


@dataclass(frozen=True)
class Voice:
    """What Praat measured in a stretch of sound.

    Attributes:
        f0: Hz, 0 where unvoiced, shape (frames,).
        first: seconds into the stretch, the middle of frame 0.
        step: seconds between frames.
        periods: the glottal periods found.
        jitter, shimmer: local, as shares; None with too few periods.
        hnr: mean harmonics-to-noise ratio of the voiced frames in dB; None without any.
    """

    f0: Float32
    first: float
    step: float
    periods: int
    jitter: float | None
    shimmer: float | None
    hnr: float | None


@dataclass(frozen=True)
class PraatSpec(ModelSpec):
    """Praat in a model worker of its own."""

    purpose: ClassVar[str] = "voice analysis"

    version: str
    pitch: PitchRange = PitchRange()

    @property
    def name(self) -> str:
        return f"Praat (parselmouth {self.version})"

    @property
    def identity(self) -> str:
        pitch = self.pitch
        return f"parselmouth-{self.version}:{pitch.floor:g}-{pitch.ceiling:g}:{pitch.step:g}"

    @property
    def lightweight(self) -> bool:
        """One worker keeps up with several of other models; otherwise it gets help."""
        return True

    def memory_mb(self, device_kind: str) -> float:
        return _MB

    def unsupported_reason(self, device_kind: str) -> str:
        return "" if device_kind == "cpu" else "Praat computes on the CPU"

    def load(self, device: Device, threads: int) -> Praat:
        """Raises ModelUnavailableError when parselmouth cannot be imported."""
        try:
            return Praat(importlib.import_module(_MODULE), self.pitch)
        except ImportError as error:
            raise ModelUnavailableError(f"{PACKAGE} cannot be imported ({error})") from error

    def warm_up(self, model: Praat) -> None:
        model.measure(np.zeros(RATE // 2, np.float32))


def praat_spec() -> PraatSpec:
    """Praat as it is installed here.

    Raises:
        ModelUnavailableError: it is not.
    """
    try:
        return PraatSpec(importlib.metadata.version(PACKAGE))
    except importlib.metadata.PackageNotFoundError as error:
        raise ModelUnavailableError(
            f"{MEASURES} are not measured: Praat is not installed. To have them: "
            'pip install "reelmill[forensic]"'
        ) from error


class Praat:
    """Praat, imported."""

    def __init__(self, parselmouth: Any, pitch: PitchRange) -> None:
        self._praat = parselmouth
        self._pitch = pitch

    def measure(self, samples: Float32, peak: float | None = None) -> Voice:
        """Measure a stretch of sound.

        F0 by autocorrelation (Boersma 1993); the harmonics-to-noise ratio from the strength of the
        same autocorrelation, as in Praat's voice report; jitter and shimmer from the periods that
        Praat finds by cross-correlation.

        Args:
            samples: 16 kHz, in [-1, 1].
            peak: the largest amplitude of the whole sound that the stretch is from, by which Praat
                tells silence; that of the stretch by default.
        """
        step = self._pitch.step
        if len(samples) < RATE * (_WINDOW_PERIODS / self._pitch.floor + step):
            return Voice(np.zeros(0, np.float32), 0.0, step, 0, None, None, None)
        call = self._praat.praat.call
        sound = self._praat.Sound(samples.astype(np.float64), RATE)
        pitch = sound.to_pitch_ac(
            time_step=step,
            pitch_floor=self._pitch.floor,
            pitch_ceiling=self._pitch.ceiling,
            max_number_of_candidates=self._pitch.candidates,
            silence_threshold=_silence(samples, peak),
        )
        frames = pitch.selected_array
        points = call([sound, pitch], "To PointProcess (cc)")
        jitter = shimmer = None
        periods = int(call(points, "Get number of periods", 0, 0, *_PERIODS))
        if periods >= _LEAST_PERIODS:
            jitter = _known(call(points, "Get jitter (local)", 0, 0, *_PERIODS))
            shimmer = _known(
                call([sound, points], "Get shimmer (local)", 0, 0, *_PERIODS, _AMPLITUDES)
            )
        f0 = frames["frequency"].astype(np.float32)
        hnr = _harmonics_to_noise(frames["strength"][f0 > 0])
        return Voice(f0, float(pitch.x1), float(pitch.dx), periods, jitter, shimmer, hnr)


def _silence(samples: Float32, peak: float | None) -> float:
    """Praat's silence threshold, a share of the sound's own peak, as a share of `peak`."""
    own = float(np.abs(samples).max(initial=0.0))
    return _SILENCE if not own or peak is None else min(1.0, _SILENCE * peak / own)


def _harmonics_to_noise(strengths: Any) -> float | None:
    """The mean in dB of voiced frames with these autocorrelations (Boersma 1993, equation 4)."""
    if not len(strengths):
        return None
    strength = np.clip(strengths, 1e-6, 1 - 1e-6)
    return float(np.mean(10 * np.log10(strength / (1 - strength))))


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
