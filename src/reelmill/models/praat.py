"""Praat, the reference program for measuring voices, through praat-parselmouth.

Both are under the GPL and come with the extra `forensic`. Only a model worker, a process of its
own, ever imports them (`PraatSpec.load`).
"""

from __future__ import annotations

import importlib
import importlib.metadata
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from reelmill.core.arrays import Float32
from reelmill.engine.stage import Device, ModelSpec
from reelmill.errors import ModelUnavailableError
from reelmill.models.pitch.candidates import RATE, PitchRange, pitch_candidates
from reelmill.models.pitch.path import PitchTrack, pitch_track

PACKAGE = "praat-parselmouth"
#: What is gained by the extra, for notices.
MEASURES = "fundamental frequency, jitter, shimmer and harmonics-to-noise ratio"
_MODULE = "parselmouth"
_MB = 120.0
#: Praat's own defaults for jitter and shimmer: shortest and longest period in seconds, and the
#: largest ratio of two consecutive periods and of two amplitudes.
_PERIODS = (0.0001, 0.02, 1.3)
_AMPLITUDES = 1.6
#: Fewer periods than this give no jitter or shimmer.
_LEAST_PERIODS = 10
#: The method by which pitch is found, for the record.
_PITCH = "autocorrelation pitch after Boersma 1993 (reelmill)"


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
    pitch: PitchRange = field(default_factory=PitchRange)

    @property
    def name(self) -> str:
        return f"Praat (parselmouth {self.version})"

    @property
    def methods(self) -> str:
        """What the measures are made with, for the record."""
        return f"{_PITCH}; {self.name}"

    @property
    def identity(self) -> str:
        pitch = self.pitch
        looked_for = f"{pitch.floor:g}-{pitch.ceiling:g}:{pitch.step:g}"
        return f"parselmouth-{self.version}:boersma-1993:{looked_for}"

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

        F0 by autocorrelation (Boersma 1993), as in Praat but by `models.pitch`; the
        harmonics-to-noise ratio from the strength of the same autocorrelation, as in Praat's voice
        report; jitter and shimmer from the periods that Praat finds by cross-correlation, near
        those of that F0.

        Args:
            samples: 16 kHz, in [-1, 1].
            peak: the largest amplitude of the whole sound that the stretch is from, by which
                silence is told; that of the stretch by default.
        """
        peak = float(np.abs(samples).max(initial=0.0)) if peak is None else peak
        if len(samples) < RATE * self._pitch.shortest or not peak:
            return Voice(np.zeros(0, np.float32), 0.0, self._pitch.step, 0, None, None, None)
        track = pitch_track(pitch_candidates(samples, peak, self._pitch), self._pitch)
        periods, jitter, shimmer = self._periods(samples, track)
        hnr = _harmonics_to_noise(track.strength[track.f0 > 0])
        return Voice(track.f0, track.first, self._pitch.step, periods, jitter, shimmer, hnr)

    def _periods(
        self, samples: Float32, track: PitchTrack
    ) -> tuple[int, float | None, float | None]:
        """How many periods Praat finds, and their jitter and shimmer."""
        call = self._praat.praat.call
        sound = self._praat.Sound(samples.astype(np.float64), RATE)
        points = call([sound, self._handed(track, len(samples) / RATE)], "To PointProcess (cc)")
        periods = int(call(points, "Get number of periods", 0, 0, *_PERIODS))
        if periods < _LEAST_PERIODS:
            return periods, None, None
        jitter = call(points, "Get jitter (local)", 0, 0, *_PERIODS)
        shimmer = call([sound, points], "Get shimmer (local)", 0, 0, *_PERIODS, _AMPLITUDES)
        return periods, _known(jitter), _known(shimmer)

    def _handed(self, track: PitchTrack, seconds: float) -> Any:
        """Our pitch as an object of Praat's."""
        call = self._praat.praat.call
        columns = len(track.f0), self._pitch.step, track.first
        matrix = call("Create Matrix", "f0", 0, seconds, *columns, 1, 1, 1, 1, 1, "0")
        matrix.values[0, :] = track.f0
        return call(matrix, "To Pitch")


def _harmonics_to_noise(strengths: Any) -> float | None:
    """The mean in dB of voiced frames with these autocorrelations (Boersma 1993, equation 4)."""
    if not len(strengths):
        return None
    strength = np.clip(strengths, 1e-6, 1 - 1e-6)
    return float(np.mean(10 * np.log10(strength / (1 - strength))))


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
