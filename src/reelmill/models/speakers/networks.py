"""The networks of diarization (ONNX): speaker activity in a window, and embeddings of voices."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
import numpy.typing as npt

from reelmill.core.arrays import Bool, Float32, Int16
from reelmill.engine.stage import Device
from reelmill.errors import ModelUnavailableError
from reelmill.models.runtimes.onnx import OnnxFileSpec, open_network
from reelmill.models.speakers.features import (
    WINDOW,
    kaldi_filter_banks,
    wespeaker_filter_banks,
)

#: The filter banks an encoder expects: as 3D-Speaker computes them, or as WeSpeaker does.
Features = Literal["3d-speaker", "wespeaker"]

RATE = 16_000
#: Samples between frames of pyannote's segmentation networks; frame 0 is centred on `FIRST`.
FRAME_STEP = 270
FIRST = 495
#: Local speakers that a window can distinguish, and how many of them at once (powerset networks).
_LOCAL_SPEAKERS, _AT_ONCE = 3, 2
#: The least probabilities that somebody speaks, and that a second person speaks too. Tuned values
#: of pyannote's own pipelines are between 0.68 and 0.77 (Bredin and Laurent 2021).
_ONSET, _SECOND_ONSET = 0.7, 0.65
#: The same for powerset networks, whose probabilities of overlap are low for distant voices.
_SET_ONSET, _SECOND_SET_ONSET = 0.5, 0.5
#: Frames in a piece of speech, at a hundred per second, and the number of filter banks.
PIECE_FRAMES, _BANDS = 200, 80
_LIBRARIES_MB = 120
#: Windows in an item. Four windows share each read of the weights; more bring no gain. The CPU
#: infers one item at a time, a GPU a batch of them.
WINDOWS_TOGETHER = 4
_WINDOWS_ON_GPU = 80


def frames_of(samples: int) -> int:
    """The number of frames of a segmentation network for the given samples (three convolutions)."""
    frames = ((samples - 251) // 10 + 1) // 3
    frames = (frames - 4) // 3
    return (frames - 4) // 3


def samples_of(frames: int) -> int:
    """The least samples of which a segmentation network makes the given number of frames."""
    return FRAME_STEP * frames + 721


@dataclass(frozen=True)
class SpeakerNetworkSpec(OnnxFileSpec):
    """A network for voices. `on_cpu`: the same network made for the CPU, if there is one."""

    on_cpu: Path | None = None

    @property
    def loads_quickly(self) -> bool:
        return True

    def file(self, device_kind: str) -> Path:
        """The file for a kind of device."""
        return self.on_cpu if self.on_cpu is not None and device_kind == "cpu" else self.path

    def _network(self, device: Device, threads: int) -> OnnxNetwork:
        return OnnxNetwork(self.file(device.kind), device, threads)

    def _fixed_mb(self, device_kind: str) -> float:
        """Weights stored with 16 bits take twice the file's size after loading."""
        return 2 * self.file(device_kind).stat().st_size / (1 << 20) + _LIBRARIES_MB


@dataclass(frozen=True)
class SegmentationSpec(SpeakerNetworkSpec):
    """A speaker segmentation network: samples (batch, 1, samples) to (batch, frames, classes).

    Three classes are the probabilities of three local speakers; seven are the powerset of
    pyannote's newer networks (none, each one, each pair; Plaquet and Bredin 2023).
    """

    purpose: ClassVar[str] = "speaker segmentation"

    window_seconds: float = 10.0

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
        """Raises ModelUnavailableError if the file is not such a network."""
        return Segmentation(self._network(device, threads))

    def warm_up(self, model: Segmentation) -> None:
        ((found,),) = model.hear([np.zeros((1, self.window_samples), np.int16)])
        if len(found.speech) != self.window_frames:
            raise ModelUnavailableError(
                f"{self.path}: makes {len(found.speech)} frames of {self.window_seconds:g} s, not "
                f"{self.window_frames}; it is not a segmentation network like pyannote's"
            )


@dataclass(frozen=True)
class Heard:
    """The activity in the frames of a window, as arrays of shape (frames,).

    `speech` is the score that somebody speaks, at least 1 for speech. `overlap` is the same for two
    people at once. `speaker` is the loudest of the window's local speakers.
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
        """The activity in each window of several runs, each of shape (windows, samples)."""
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
        """Activity from the log probabilities of sets of speakers."""
        shares = np.exp(scores - scores.max(axis=1, keepdims=True))
        shares /= shares.sum(axis=1, keepdims=True)
        together = self._members.sum(axis=1)
        return Heard(
            shares[:, together > 0].sum(axis=1) / np.float32(_SET_ONSET),
            shares[:, together > 1].sum(axis=1) / np.float32(_SECOND_SET_ONSET),
            (shares @ self._members).argmax(axis=1),
        )


def _full_scale(windows: Int16) -> Float32:
    """The input of a network: shape (windows, 1, samples), from -1 to 1."""
    result: Float32 = windows[:, None].astype(np.float32) / np.float32(32768)
    return result


def _of_speakers(probabilities: Float32) -> Heard:
    """Activity from the probability of each local speaker."""
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

    features: Features = "3d-speaker"

    @property
    def identity(self) -> str:
        return f"{self.digest}:{self.features}"

    def memory_mb(self, device_kind: str) -> float:
        """The weights, the state of a batch, and the library."""
        return self._fixed_mb(device_kind) + 250

    def load(self, device: Device, threads: int) -> Encoder:
        """Raises ModelUnavailableError if the file cannot be loaded."""
        return Encoder(self._network(device, threads))

    def warm_up(self, model: Encoder) -> None:
        model.embed([np.ones((1, PIECE_FRAMES, _BANDS), np.float32)])

    def piece(self, samples: Float32, frames: int = PIECE_FRAMES) -> Float32:
        """The features of one speaker's audio, shape (frames, 80). The middle of audio longer than
        that is used (2 s by default); shorter audio is repeated.

        Args:
            samples: 16 kHz, float32 in [-1, 1].
            frames: of 10 ms.
        """
        if len(samples) < WINDOW:
            samples = np.pad(samples, (0, WINDOW - len(samples)))
        is_ours = self.features == "3d-speaker"
        features = kaldi_filter_banks(samples) if is_ours else wespeaker_filter_banks(samples)
        count = len(features)
        if count < frames:
            return features[np.arange(frames) % count]
        start = (count - frames) // 2
        return features[start : start + frames]


class Encoder:
    """A loaded speaker encoder."""

    def __init__(self, network: OnnxNetwork) -> None:
        self._network = network

    def embed(self, groups: Sequence[Float32]) -> list[Float32]:
        """Embeddings of unit length for groups of pieces.

        Args:
            groups: each of shape (pieces, frames, bands).

        Returns:
            For each group shape (pieces, values).
        """
        found = self._network.run(groups)
        return [self._unit(one, len(group)) for one, group in zip(found, groups, strict=True)]

    def _unit(self, found: Float32, count: int) -> Float32:
        if found.ndim != 2 or len(found) != count:
            raise ModelUnavailableError(
                f"{self._network.path}: gives an output of shape {found.shape}; a speaker "
                "encoder gives one embedding per utterance"
            )
        lengths = np.linalg.norm(found, axis=1, keepdims=True)
        result: Float32 = (found / np.maximum(lengths, 1e-8)).astype(np.float32)
        return result


class OnnxNetwork:
    """A network with one input and one output. Raises as `open_network`."""

    def __init__(self, path: Path, device: Device, threads: int) -> None:
        self.path, self._together = path, device.kind != "cpu"
        self._pool = ThreadPoolExecutor(threads)
        self._session = open_network(path, device, threads if self._together else 1)
        self._input = self._session.get_inputs()[0].name

    def run(self, groups: Sequence[Float32]) -> list[Float32]:
        """The first output for each group of rows.

        On the CPU each group is inferred separately by one thread: the last digits of a row's
        output depend on the rows beside it, and the rows of a group belong to one recording. A GPU
        infers all groups with rows of one shape together. For each new batch size the library plans
        its memory again, with up to five times as much, so sizes are powers of two.
        """
        if not self._together:
            return list(self._pool.map(self._infer, groups))
        found: dict[int, Float32] = {}
        for shape in dict.fromkeys(rows.shape[1:] for rows in groups):
            alike = [index for index, rows in enumerate(groups) if rows.shape[1:] == shape]
            found.update(zip(alike, self._at_once([groups[i] for i in alike]), strict=True))
        return [found[index] for index in range(len(groups))]

    def _at_once(self, groups: Sequence[Float32]) -> list[Float32]:
        batch = np.concatenate(groups)
        wanted = 1 << (len(batch) - 1).bit_length()
        padding = np.repeat(batch[-1:], wanted - len(batch), axis=0)
        found = self._infer(np.concatenate([batch, padding]))
        return np.split(found, np.cumsum([len(rows) for rows in groups]))[:-1]

    def _infer(self, batch: Float32) -> Float32:
        output: Float32 = self._session.run(None, {self._input: batch})[0]
        return output
