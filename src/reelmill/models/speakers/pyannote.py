"""Load and call speaker diarization pipelines of pyannote.audio."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from reelmill.core.arrays import Float32
from reelmill.engine.stage import Device
from reelmill.errors import ModelUnavailableError, is_out_of_memory
from reelmill.models.runtimes.torch_device import TorchModelSpec, torch_device

RATE = 16_000
#: PyTorch and its companions, with the networks and a batch, in MB.
_LIBRARIES_MB = 1100


@dataclass(frozen=True)
class PyannoteSpec(TorchModelSpec):
    """A pipeline of pyannote.audio, loaded under `python` (None: our own interpreter).

    `path` is the local folder or config file of the pipeline, `version` pyannote.audio's.
    """

    purpose: ClassVar[str] = "diarizer"
    library: ClassVar[str] = "pyannote.audio"

    path: str
    label: str
    digest: str
    version: str
    python: str | None = None
    cuda: bool = True

    @property
    def name(self) -> str:
        return self.label

    def memory_mb(self, device_kind: str) -> float:
        return _LIBRARIES_MB

    def load(self, device: Device, threads: int) -> Diarizer:
        """Raises ModelUnavailableError when the pipeline or what it refers to cannot be loaded."""
        where = torch_device(device, threads)
        try:
            import torch
            from pyannote.audio import Pipeline

            pipeline = Pipeline.from_pretrained(self.path, token=os.environ.get("HF_TOKEN"))
            if pipeline is None:
                raise ValueError("access to a part of it was refused")
            pipeline.to(torch.device(where))
        except Exception as error:
            if is_out_of_memory(error):
                raise
            raise ModelUnavailableError(
                f"pyannote pipeline {self.label!r} cannot be loaded from {self.path}: {error}; "
                "accept the terms of all models it uses and set HF_TOKEN, or use --diarizer "
                "default"
            ) from error
        return Diarizer(pipeline)

    def warm_up(self, model: Diarizer) -> None:
        noise = np.random.default_rng(0).normal(0, 0.01, 3 * RATE).astype(np.float32)
        model.turns(noise)


class Diarizer:
    """A loaded pipeline. Errors of PyTorch, including out of memory, are passed on unchanged."""

    def __init__(self, pipeline: Any) -> None:
        self._pipeline = pipeline

    def turns(
        self,
        samples: Float32,
        speakers: int | None = None,
        least: int | None = None,
        most: int | None = None,
    ) -> list[tuple[float, float, str]]:
        """Start, end and pyannote's label of each turn in a whole recording, ordered by start.

        `samples` is mono at 16 kHz. Overlapping speech gives overlapping turns.
        """
        import torch

        sound = {"waveform": torch.from_numpy(samples)[None], "sample_rate": RATE}
        wanted = {"num_speakers": speakers, "min_speakers": least, "max_speakers": most}
        found = self._pipeline(sound, **{name: n for name, n in wanted.items() if n is not None})
        annotation = getattr(found, "speaker_diarization", found)
        return sorted(
            (float(segment.start), float(segment.end), str(label))
            for segment, _, label in annotation.itertracks(yield_label=True)
        )
