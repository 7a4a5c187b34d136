"""Who speaks when, file by file, by the original networks in PyTorch.

    PYTHONPATH=src:. PYTHON -m benchmarks.speaker_originals OUT FILE...

Runs under the interpreter of an environment with `whisperx==3.8.6 resemblyzer==0.1.4`, whose wheels
hold the networks that ours are exports of; used by `benchmarks.speakers`. Everything around the
networks is ours, and so are windows and stretches: as `loop` of `benchmarks.speaker_peers`, the
models are loaded for each file, which is inferred one window and one voice at a time.
"""

from __future__ import annotations

import json
import sys
import tempfile
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.diarize_alone import diarize_alone
from reelmill.engine.stage import Device, Stage
from reelmill.models.speakers.files import DEFAULT, encoder_spec, segmentation_spec
from reelmill.models.speakers.networks import Encoder, EncoderSpec, Segmentation, SegmentationSpec
from reelmill.stages.media.decode import Decode
from reelmill.stages.media.probe import Probe
from reelmill.stages.speakers.diarize import Diarize
from reelmill.stages.speakers.embed_speakers import HearVoices
from reelmill.stages.speakers.segment_speakers import SegmentSpeakers
from reelmill.stages.speech.detect_speech import DetectSpeech
from training.speakers.originals import package_folder, trusting

#: Of the GE2E encoder.
_BANDS, _WIDTH, _LAYERS = 40, 256, 3


class _TorchNetwork:
    """A PyTorch function where ours have an `OnnxNetwork`."""

    def __init__(self, function: Any, path: Path) -> None:
        self._function, self.path = function, path

    def run(self, groups: Sequence[Any]) -> list[Any]:
        import torch

        with torch.inference_mode():
            batches = (torch.from_numpy(np.ascontiguousarray(rows)) for rows in groups)
            return [self._function(batch).numpy() for batch in batches]


@dataclass(frozen=True)
class OriginalSegmentation(SegmentationSpec):
    """pyannote's speaker segmentation, from WhisperX's wheel."""

    def load(self, device: Device, threads: int) -> Segmentation:
        from pyannote.audio import Model

        weights = package_folder("whisperx") / "assets" / "pytorch_model.bin"
        network = _TorchNetwork(trusting(lambda: Model.from_pretrained(weights)).eval(), weights)
        return Segmentation(network)  # type: ignore[arg-type]


@dataclass(frozen=True)
class OriginalEncoder(EncoderSpec):
    """Resemble AI's speaker encoder, from resemblyzer's wheel."""

    def load(self, device: Device, threads: int) -> Encoder:
        import torch

        weights = package_folder("resemblyzer") / "pretrained.pt"
        state = trusting(lambda: torch.load(weights, map_location="cpu"))["model_state"]
        lstm = torch.nn.LSTM(_BANDS, _WIDTH, _LAYERS, batch_first=True).eval()
        linear = torch.nn.Linear(_WIDTH, _WIDTH).eval()
        for name, module in (("lstm", lstm), ("linear", linear)):
            begin = f"{name}."
            own = {key.removeprefix(begin): v for key, v in state.items() if key.startswith(begin)}
            module.load_state_dict(own)

        def embed(mels: Any) -> Any:
            raw = torch.relu(linear(lstm(mels)[1][0][-1]))
            return raw / raw.norm(dim=1, keepdim=True)

        return Encoder(_TorchNetwork(embed, weights))  # type: ignore[arg-type]


def _stages() -> list[Stage]:
    ours, encoder = segmentation_spec(DEFAULT), encoder_spec(DEFAULT)
    segmentation = OriginalSegmentation(
        ours.path, ours.label, ours.digest, window_seconds=ours.window_seconds
    )
    original = OriginalEncoder(
        encoder.path, encoder.label, encoder.digest, features=encoder.features
    )
    return [
        Probe(),
        Decode(),
        DetectSpeech(),
        SegmentSpeakers(segmentation, together=1),
        HearVoices(original, together=1),
        Diarize(),
    ]


def main() -> None:
    out, *files = map(Path, sys.argv[1:])
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory(prefix="reelmill-bench-") as work:
        found = {file.name: diarize_alone(file, Path(work), _stages()) for file in files}
    out.write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main()
