"""The networks that hear speakers: who is active in a window, and whose voice it is (ONNX)."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
import numpy.typing as npt

from reelmill.engine.stage import Device
from reelmill.errors import ModelUnavailableError
from reelmill.models.runtimes.onnx import OnnxModelSpec, open_network
from reelmill.models.speakers.features import HOP, Float32, kaldi_filter_banks, mel_powers

Bool = npt.NDArray[np.bool_]
Int16 = npt.NDArray[np.int16]

#: The features an encoder takes: mel powers (GE2E), or log filter banks (WeSpeaker).
Features = Literal["ge2e", "kaldi"]

RATE = 16_000
#: Samples between frames of pyannote's segmentation networks; frame 0 is centred on `FIRST`.
FRAME_STEP = 270
FIRST = 495
#: Local speakers that a window can tell apart, and how many of them at once (powerset networks).
_LOCAL_SPEAKERS, _AT_ONCE = 3, 2
#: From which probability on somebody speaks, and a second one beside them. Tuned values of
#: pyannote's own pipelines lie between 0.68 and 0.77 (Bredin and Laurent 2021).
_ONSET, _SECOND_ONSET = 0.7, 0.65
_POWERSET_ONSET = 0.5
_PARTIAL_FRAMES = 160
_BANDS: dict[Features, int] = {"ge2e": 40, "kaldi": 80}
_LIBRARIES_MB = 120
#: Windows of an item: four share what is read of the weights, more gain nothing. The CPU infers an
#: item at a time, a GPU a batch of them.
WINDOWS_TOGETHER = 4
_WINDOWS_ON_GPU = 80


def frames_of(samples: int) -> int:
    """Frames that a segmentation network makes of so many samples (its three convolutions)."""
    frames = ((samples - 251) // 10 + 1) // 3
    frames = (frames - 4) // 3
    return (frames - 4) // 3


@dataclass(frozen=True)
class SpeakerNetworkSpec(OnnxModelSpec):
    """An ONNX file; `on_cpu`: the same network made for the CPU, if there is one."""

    path: Path
    label: str
    digest: str
    on_cpu: Path | None = None

    @property
    def name(self) -> str:
        return self.label

    def file(self, device_kind: str) -> Path:
        return self.on_cpu if self.on_cpu is not None and device_kind == "cpu" else self.path

    def _network(self, device: Device, threads: int) -> OnnxNetwork:
        return OnnxNetwork(self.file(device.kind), device, threads)

    def _fixed_mb(self, device_kind: str) -> float:
        return self.file(device_kind).stat().st_size / (1 << 20) + _LIBRARIES_MB


@dataclass(frozen=True)
class SegmentationSpec(SpeakerNetworkSpec):
    """A speaker segmentation network: samples (batch, 1, samples) to (batch, frames, classes).

    Three classes are the probabilities of three local speakers; seven are the powerset of
    pyannote's newer networks (none, each one, each pair; Plaquet and Bredin 2023).
    """

    purpose: ClassVar[str] = "speaker segmentation"

    window_seconds: float = 5.0

    @property
    def identity(self) -> str:
        return f"{self.digest}:{self.window_seconds:g}"

    @property
    def window_samples(self) -> int:
        return round(self.window_seconds * RATE)

    @property
    def window_frames(self) -> int:
        return frames_of(self.window_samples)

    def memory_mb(self, device_kind: str) -> float:
        """The weights, the activations of windows inferred together, and the library."""
        windows = WINDOWS_TOGETHER if device_kind == "cpu" else _WINDOWS_ON_GPU
        return self._fixed_mb(device_kind) + 2.2 * windows * self.window_seconds

    def load(self, device: Device, threads: int) -> Segmentation:
        """Raises ModelUnavailableError when the file is no such network."""
        return Segmentation(self._network(device, threads))

    def warm_up(self, model: Segmentation) -> None:
        ((found,),) = model.hear([np.zeros((1, self.window_samples), np.int16)])
        if len(found.speech) != self.window_frames:
            raise ModelUnavailableError(
                f"{self.path}: makes {len(found.speech)} frames of {self.window_seconds:g} s, not "
                f"{self.window_frames}: it is no segmentation network of pyannote's kind"
            )


@dataclass(frozen=True)
class Heard:
    """What is heard in the frames of a window, arrays of shape (frames,).

    `speech`: how sure it is that somebody speaks, 1 being just enough; `overlap`: that two do;
    `speaker`: which of the window's speakers is heard best.
    """

    speech: Float32
    overlap: Float32
    speaker: npt.NDArray[np.intp]


class Segmentation:
    """A loaded segmentation network."""

    def __init__(self, network: OnnxNetwork) -> None:
        self._network = network
        self._members = _powerset()

    def hear(self, runs: Sequence[Int16]) -> list[list[Heard]]:
        """What is heard in each window of runs of them, each of shape (windows, samples)."""
        found = self._network.run([_full_scale(windows) for windows in runs])
        return [[self._heard(window) for window in self._checked(windows)] for windows in found]

    def _checked(self, found: Float32) -> Float32:
        if found.ndim != 3 or found.shape[2] not in (_LOCAL_SPEAKERS, len(self._members)):
            raise ModelUnavailableError(
                f"{self._network.path}: gives an output of shape {found.shape}; a segmentation "
                f"network gives (windows, frames, {_LOCAL_SPEAKERS} or {len(self._members)})"
            )
        return found

    def _heard(self, scores: Float32) -> Heard:
        powerset = scores.shape[1] != _LOCAL_SPEAKERS
        return self._of_sets(scores) if powerset else _of_speakers(scores)

    def _of_sets(self, scores: Float32) -> Heard:
        """From the logarithms of the probabilities of who speaks together."""
        shares = np.exp(scores - scores.max(axis=1, keepdims=True))
        shares /= shares.sum(axis=1, keepdims=True)
        together = self._members.sum(axis=1)
        return Heard(
            shares[:, together > 0].sum(axis=1) / np.float32(_POWERSET_ONSET),
            shares[:, together > 1].sum(axis=1) / np.float32(_POWERSET_ONSET),
            (shares @ self._members).argmax(axis=1),
        )


def _full_scale(windows: Int16) -> Float32:
    """As a network takes them: shape (windows, 1, samples), from -1 to 1."""
    result: Float32 = windows[:, None].astype(np.float32) / np.float32(32768)
    return result


def _of_speakers(probabilities: Float32) -> Heard:
    """From the probability of each local speaker."""
    ordered = np.sort(probabilities, axis=1)
    return Heard(
        ordered[:, -1] / np.float32(_ONSET),
        ordered[:, -2] / np.float32(_SECOND_ONSET),
        probabilities.argmax(axis=1),
    )


def _powerset() -> Bool:
    """The members of each class of a powerset network, shape (7, 3)."""
    sets = [
        chosen
        for size in range(_AT_ONCE + 1)
        for chosen in combinations(range(_LOCAL_SPEAKERS), size)
    ]
    members = np.zeros((len(sets), _LOCAL_SPEAKERS), np.bool_)
    for row, chosen in zip(members, sets, strict=True):
        row[list(chosen)] = True
    return members


@dataclass(frozen=True)
class EncoderSpec(SpeakerNetworkSpec):
    """A speaker encoder: features (batch, frames, bands) to embeddings (batch, values)."""

    purpose: ClassVar[str] = "speaker encoder"

    features: Features = "ge2e"

    @property
    def identity(self) -> str:
        return f"{self.digest}:{self.features}"

    def memory_mb(self, device_kind: str) -> float:
        """The weights, the state of a batch, and the library."""
        return self._fixed_mb(device_kind) + 60

    def load(self, device: Device, threads: int) -> Encoder:
        """Raises ModelUnavailableError when the file cannot be loaded."""
        return Encoder(self._network(device, threads))

    def warm_up(self, model: Encoder) -> None:
        model.embed([[np.ones((1, _PARTIAL_FRAMES, _BANDS[self.features]), np.float32)]])

    def hear(self, samples: Float32) -> Float32:
        """The features of 16 kHz sound, shape (frames, bands), a frame every 10 ms."""
        if self.features == "ge2e":
            return mel_powers(samples)[: len(samples) // HOP]
        return kaldi_filter_banks(samples)

    def partials(self, features: Float32, most: int) -> Float32:
        """Up to `most` pieces of 1.6 s of one speaker's features, spread over all of them.

        Shape (pieces, 160, bands); less than 1.6 s is repeated.
        """
        count = len(features)
        if count < _PARTIAL_FRAMES:
            return features[np.arange(_PARTIAL_FRAMES) % count][None]
        pieces = min(most, max(1, round(count / _PARTIAL_FRAMES)))
        spare = count - _PARTIAL_FRAMES
        starts = [spare // 2] if pieces == 1 else np.linspace(0, spare, pieces).astype(int)
        return np.stack([features[start : start + _PARTIAL_FRAMES] for start in starts])


class Encoder:
    """A loaded speaker encoder."""

    def __init__(self, network: OnnxNetwork) -> None:
        self._network = network

    def embed(self, groups: Sequence[Sequence[Float32]]) -> list[list[Float32]]:
        """An embedding of unit length for each voice of each group.

        A voice is given by pieces of it, shape (pieces, frames, bands). Its embedding is the mean
        of theirs, as in Wan et al. 2018, section 3.2.
        """
        found = self._network.run(
            [np.concatenate(voices).astype(np.float32, copy=False) for voices in groups]
        )
        return [
            self._means(embeddings, [len(pieces) for pieces in voices])
            for embeddings, voices in zip(found, groups, strict=True)
        ]

    def _means(self, found: Float32, counts: Sequence[int]) -> list[Float32]:
        if found.ndim != 2 or len(found) != sum(counts):
            raise ModelUnavailableError(
                f"{self._network.path}: gives an output of shape {found.shape}; a speaker encoder "
                "gives one embedding an utterance"
            )
        found = found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-8)
        means = [piece.mean(axis=0) for piece in np.split(found, np.cumsum(counts)[:-1])]
        return [mean / max(float(np.linalg.norm(mean)), 1e-8) for mean in means]


class OnnxNetwork:
    """A network of one input and one output; raises as `open_network`."""

    def __init__(self, path: Path, device: Device, threads: int) -> None:
        self.path, self._together = path, device.kind != "cpu"
        self._pool = ThreadPoolExecutor(threads)
        self._session = open_network(path, device, threads if self._together else 1)
        self._input = self._session.get_inputs()[0].name

    def run(self, groups: Sequence[Float32]) -> list[Float32]:
        """The first output for each group of rows.

        On the CPU a group is inferred by itself and by one thread: what a network of eight bits
        makes of a row depends on the rows that its thread has beside it, and those of a group are
        of one recording. A GPU infers all together; a last batch of another size would make the
        library plan its memory anew there, up to five times as much, so sizes are powers of two.
        """
        if not self._together:
            return list(self._pool.map(self._infer, groups))
        batch = np.concatenate(groups)
        wanted = 1 << (len(batch) - 1).bit_length()
        padding = np.repeat(batch[-1:], wanted - len(batch), axis=0)
        found = self._infer(np.concatenate([batch, padding]))
        return np.split(found, np.cumsum([len(rows) for rows in groups]))[:-1]

    def _infer(self, batch: Float32) -> Float32:
        output: Float32 = self._session.run(None, {self._input: batch})[0]
        return output
