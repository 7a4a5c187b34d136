"""The networks that hear speakers: who is active in a window, and whose voice it is (ONNX)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt

from reelmill.engine.stage import Device, ModelSpec
from reelmill.errors import ModelUnavailableError, is_out_of_memory
from reelmill.models.voiceprint import HOP, Float32, kaldi_filter_banks, mel_powers

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
#: Windows inferred together on the CPU: four share what is read of the weights; more gain nothing,
#: and 32 take half a gigabyte. Pieces of voices are shorter, their weights larger.
_WINDOWS_ON_CPU, _PIECES_ON_CPU = 4, 16
_BANDS: dict[Features, int] = {"ge2e": 40, "kaldi": 80}
_LIBRARIES_MB = 120


def frames_of(samples: int) -> int:
    """Frames that a segmentation network makes of so many samples (its three convolutions)."""
    frames = ((samples - 251) // 10 + 1) // 3
    frames = (frames - 4) // 3
    return (frames - 4) // 3


@dataclass(frozen=True)
class SegmentationSpec(ModelSpec):
    """A speaker segmentation network: samples (batch, 1, samples) to (batch, frames, classes).

    Three classes are the probabilities of three local speakers; seven are the powerset of
    pyannote's newer networks (none, each one, each pair; Plaquet and Bredin 2023).
    """

    purpose: ClassVar[str] = "speaker segmentation"

    path: Path
    label: str
    digest: str
    window_seconds: float = 5.0

    @property
    def name(self) -> str:
        return self.label

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
        windows = _WINDOWS_ON_CPU if device_kind == "cpu" else 32
        activations = 2.2 * windows * self.window_seconds
        return self.path.stat().st_size / (1 << 20) + activations + _LIBRARIES_MB

    def load(self, device: Device, threads: int) -> Segmentation:
        """Raises ModelUnavailableError when the file is no such network."""
        network = OnnxNetwork(self.path, self.label, device, threads, _WINDOWS_ON_CPU)
        return Segmentation(network)

    def warm_up(self, model: Segmentation) -> None:
        (found,) = model.hear([np.zeros(self.window_samples, np.int16)])
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

    def hear(self, windows: Sequence[Int16]) -> list[Heard]:
        """What is heard in each window of samples."""
        batch = np.stack(windows).astype(np.float32)[:, None] / np.float32(32768)
        found = self._network.run(batch)
        if found.ndim != 3 or found.shape[2] not in (_LOCAL_SPEAKERS, len(self._members)):
            raise ModelUnavailableError(
                f"{self._network.path}: gives an output of shape {found.shape}; a segmentation "
                f"network gives (windows, frames, {_LOCAL_SPEAKERS} or {len(self._members)})"
            )
        powerset = found.shape[2] != _LOCAL_SPEAKERS
        return [self._of_sets(one) if powerset else _of_speakers(one) for one in found]

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
class EncoderSpec(ModelSpec):
    """A speaker encoder: features (batch, frames, bands) to embeddings (batch, values)."""

    purpose: ClassVar[str] = "speaker encoder"

    path: Path
    label: str
    digest: str
    features: Features = "ge2e"

    @property
    def name(self) -> str:
        return self.label

    @property
    def identity(self) -> str:
        return f"{self.digest}:{self.features}"

    def memory_mb(self, device_kind: str) -> float:
        """The weights, the state of a batch, and the library."""
        return self.path.stat().st_size / (1 << 20) + 60 + _LIBRARIES_MB

    def load(self, device: Device, threads: int) -> Encoder:
        """Raises ModelUnavailableError when the file cannot be loaded."""
        return Encoder(OnnxNetwork(self.path, self.label, device, threads, _PIECES_ON_CPU))

    def warm_up(self, model: Encoder) -> None:
        model.embed([np.ones((1, _PARTIAL_FRAMES, _BANDS[self.features]), np.float32)])

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

    def embed(self, speakers: Sequence[Float32]) -> list[Float32]:
        """An embedding of unit length for each speaker's partials (pieces, frames, bands).

        It is the mean of those of the pieces, as in Wan et al. 2018, section 3.2.
        """
        found = self._network.run(np.concatenate(speakers).astype(np.float32))
        counts = [len(pieces) for pieces in speakers]
        if found.ndim != 2 or len(found) != sum(counts):
            raise ModelUnavailableError(
                f"{self._network.path}: gives an output of shape {found.shape}; a speaker encoder "
                "gives one embedding an utterance"
            )
        found /= np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-8)
        means = [piece.mean(axis=0) for piece in np.split(found, np.cumsum(counts)[:-1])]
        return [mean / max(float(np.linalg.norm(mean)), 1e-8) for mean in means]


class OnnxNetwork:
    """A network of one input and one output. Out of memory comes out as the library says it.

    `rows`: of a batch, how many are inferred together on the CPU.
    """

    def __init__(self, path: Path, label: str, device: Device, threads: int, rows: int) -> None:
        import onnxruntime

        self.path, self._rows = path, rows
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        # Threads that spin while they wait would take the cores that other hosts compute with.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        providers: list[Any] = ["CPUExecutionProvider"]
        self._on_gpu = (
            device.kind == "cuda"
            and "CUDAExecutionProvider" in onnxruntime.get_available_providers()
        )
        if self._on_gpu:
            providers.insert(0, ("CUDAExecutionProvider", {"device_id": device.index}))
        try:
            self._session = onnxruntime.InferenceSession(str(path), options, providers=providers)
        except Exception as error:
            if is_out_of_memory(error):
                raise
            raise ModelUnavailableError(
                f"speaker model {label!r} cannot be loaded from {path}: {error}; fetch it again, "
                "or leave the option away to use the one that comes with reelmill"
            ) from error
        self._input = self._session.get_inputs()[0].name

    def run(self, batch: Float32) -> Float32:
        """The first output for a batch.

        On a GPU a last batch of another size would make the library plan its memory anew, up to
        five times as much: sizes are powers of two there.
        """
        if not self._on_gpu:
            parts = range(0, len(batch), self._rows)
            return np.concatenate([self._infer(batch[at : at + self._rows]) for at in parts])
        count = len(batch)
        wanted = 1 << (count - 1).bit_length()
        return self._infer(np.concatenate([batch, np.repeat(batch[-1:], wanted - count, axis=0)]))[
            :count
        ]

    def _infer(self, batch: Float32) -> Float32:
        output: Float32 = self._session.run(None, {self._input: batch})[0]
        return output
