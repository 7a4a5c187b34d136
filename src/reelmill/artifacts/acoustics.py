"""What was measured of each speaker's voice: loudness, pitch, rate, pauses and voice quality."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from reelmill.artifacts.arrays import read_arrays
from reelmill.artifacts.findings import Findings
from reelmill.artifacts.names import PlainName

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Float16 = npt.NDArray[np.float16]
    Float32 = npt.NDArray[np.float32]
    Int8 = npt.NDArray[np.int8]
    Bool = npt.NDArray[np.bool_]

#: What the rate of speech is counted in: syllables where the script shows them (Korean), characters
#: where no spaces part words (Japanese, Chinese, Thai), words elsewhere.
RateUnit = Literal["words", "syllables", "characters"]
#: What can differ from the speaker's baseline.
Measure = Literal["level", "f0", "rate"]
EpisodeKind = Literal["louder", "higher"]


@dataclass
class SpeakerAcoustics:
    """Measures of one speaker over the whole recording, from speech in which nobody else talks.

    Attributes:
        speaker: None where speakers are not told apart; the measures are then of all together.
        seconds: speech that was measured.
        overlap_seconds: speech left out because somebody else talks at the same time.
        level: RMS of their speech in dB of full scale; a full-scale sine has -3.01.
        level_low, level_high: 10th and 90th percentile of the level of 10 ms frames.
        loudness: in LUFS by ITU-R BS.1770, gated, over blocks of 400 ms in their speech.
        snr: how far the level of speech lies above the noise between speech, in dB.
        f0: median fundamental frequency in Hz; `f0_low`, `f0_high`: 10th and 90th percentile.
        voiced: share of the speech that is voiced.
        rate_unit: what the rates count.
        speech_rate: units a second, pauses within the speaker's talk included.
        articulation_rate: units a second, pauses of `Acoustics.shortest_pause` and more left out.
        pauses: pauses within their talk; `pause_seconds`: all of them together.
        jitter, shimmer: local, as shares, and hnr in dB, as Praat defines them.
    """

    speaker: str | None
    seconds: float
    overlap_seconds: float
    level: float | None = None
    level_low: float | None = None
    level_high: float | None = None
    loudness: float | None = None
    snr: float | None = None
    f0: float | None = None
    f0_low: float | None = None
    f0_high: float | None = None
    voiced: float | None = None
    rate_unit: RateUnit | None = None
    speech_rate: float | None = None
    articulation_rate: float | None = None
    pauses: int = 0
    pause_seconds: float = 0.0
    jitter: float | None = None
    shimmer: float | None = None
    hnr: float | None = None


@dataclass
class Pause:
    """Silence within the talk of one speaker: nobody else speaks in it."""

    start: float
    end: float
    speaker: str | None


@dataclass
class Utterance:
    """A stretch of talk by one speaker between pauses (an inter-pausal unit), with its measures.

    `level` in dB of full scale, `loudness` in LUFS, `f0` the median in Hz, `rate` the articulation
    rate, `snr` in dB. `z` has the robust z-scores of `level`, `f0` and `rate` against the speaker's
    own utterances in this recording, where they can be told.
    """

    start: float
    end: float
    speaker: str | None
    level: float | None = None
    loudness: float | None = None
    snr: float | None = None
    f0: float | None = None
    rate: float | None = None
    z: dict[Measure, float] = field(default_factory=dict)


@dataclass
class Change:
    """An utterance that differs from the speaker's own baseline in this recording.

    `value` and `baseline` in the unit of the measure: dB of full scale, Hz, units a second.
    """

    measure: Measure
    start: float
    end: float
    speaker: str | None
    value: float
    baseline: float
    z: float


@dataclass
class Episode:
    """A stretch over which a speaker is louder or higher than their own baseline.

    `value` (over the episode) and `baseline` in LUFS for `louder`, in Hz for `higher`. `z`: how far
    the value is from the baseline in robust standard deviations.
    """

    kind: EpisodeKind
    start: float
    end: float
    speaker: str | None
    value: float
    baseline: float
    z: float


@dataclass
class Acoustics(Findings):
    """What was measured of the voices in a recording, over time and for each speaker.

    `findings` tell episodes and changes for people, all of severity `info`, and what could not be
    measured. `frames` is the file of `AcousticFrames`. `measured_with`: names and versions of the
    programs. `unmeasured`: in plain words, what is missing and why.
    """

    schema: ClassVar[str] = "acoustics/1"
    source: ClassVar[str] = "acoustics"

    frames: PlainName = "frames.npz"
    shortest_pause: float = 0.3
    speakers: list[SpeakerAcoustics] = field(default_factory=list)
    pauses: list[Pause] = field(default_factory=list)
    utterances: list[Utterance] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    episodes: list[Episode] = field(default_factory=list)
    unmeasured: list[str] = field(default_factory=list)

    def sidecars(self) -> list[str]:
        return [self.frames]

    def of(self, speaker: str | None) -> SpeakerAcoustics | None:
        """The measures of a speaker; None where they never speak alone."""
        return next((one for one in self.speakers if one.speaker == speaker), None)


@dataclass
class AcousticFrames:
    """Curves over the whole recording. The middle of frame i is at (i + 0.5) x `step` seconds.

    Arrays:
        step: () seconds, 0.01.
        level: (sounds, frames) RMS in dB of full scale, at least -100; a row for each channel that
            has one person, otherwise a single row.
        f0: (sounds, frames) Hz, 0 where unvoiced, not speech or not measured.
        voiced: (sounds, frames) whether f0 is there.
        loudness: (sounds, blocks) momentary loudness in LUFS (400 ms); block i begins at i x 0.1 s.
        speaker: (sounds, frames) index in `Acoustics.speakers` of who is measured there; -1 nobody.
    """

    step: Float32
    level: Float16
    f0: Float16
    loudness: Float16
    speaker: Int8

    @property
    def voiced(self) -> Bool:
        return self.f0 > 0


def read_frames(folder: Path, acoustics: Acoustics) -> AcousticFrames:
    """The curves beside `acoustics`. Raises InputError when damaged."""
    return AcousticFrames(**read_arrays(folder / acoustics.frames))
