"""A pipeline of pyannote.audio in a local folder, for machines without the model hub.

    PYTHON tests/extras/make_pipeline.py FOLDER

Runs in the environment that has pyannote.audio and WhisperX: the segmentation network is the one
in WhisperX's wheel; the speaker encoder and the scoring behind it (PLDA) have the real shapes and
random weights (a fixed seed), so who is who means nothing; that it runs does.
"""

from __future__ import annotations

import importlib.util
import shutil
import sys
from pathlib import Path

CONFIG = """\
pipeline:
  name: pyannote.audio.pipelines.SpeakerDiarization
  params:
    clustering: VBxClustering
    embedding: $model/embedding
    embedding_batch_size: 8
    segmentation: $model/segmentation
    segmentation_batch_size: 8
    plda: $model/plda
params:
  clustering:
    threshold: 0.6
    Fa: 0.07
    Fb: 0.8
  segmentation:
    threshold: 0.5
    min_duration_off: 0.1
"""

_DIMENSIONS, _REDUCED = 512, 128


def main(folder: Path) -> None:
    import numpy as np
    import pyannote.audio
    import torch
    from pyannote.audio.core.task import Problem, Resolution, Specifications
    from pyannote.audio.models.embedding import XVectorSincNet

    for name in ("segmentation", "embedding", "plda"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    whisperx = importlib.util.find_spec("whisperx")
    assert whisperx is not None and whisperx.origin is not None
    segmentation = Path(whisperx.origin).parent / "assets" / "pytorch_model.bin"
    shutil.copyfile(segmentation, folder / "segmentation" / "pytorch_model.bin")
    torch.manual_seed(0)
    encoder = XVectorSincNet()
    encoder.specifications = Specifications(
        problem=Problem.REPRESENTATION,
        resolution=Resolution.CHUNK,
        duration=5.0,
        min_duration=1.0,
        classes=["a", "b"],
    )
    checkpoint = {
        "state_dict": encoder.state_dict(),
        "hyper_parameters": dict(encoder.hparams),
        "pytorch-lightning_version": "2.0.0",
        "pyannote.audio": {
            "versions": {"torch": torch.__version__, "pyannote.audio": pyannote.audio.__version__},
            "architecture": {"module": XVectorSincNet.__module__, "class": "XVectorSincNet"},
            "specifications": encoder.specifications,
        },
    }
    torch.save(checkpoint, folder / "embedding" / "pytorch_model.bin")
    random = np.random.default_rng(0)
    lda, _ = np.linalg.qr(random.normal(size=(_DIMENSIONS, _REDUCED)))
    turned, _ = np.linalg.qr(random.normal(size=(_REDUCED, _REDUCED)))
    np.savez(
        folder / "plda" / "xvec_transform.npz",
        mean1=np.zeros(_DIMENSIONS),
        mean2=np.zeros(_REDUCED),
        lda=lda,
    )
    np.savez(
        folder / "plda" / "plda.npz",
        mu=np.zeros(_REDUCED),
        tr=turned,
        psi=np.linspace(10.0, 0.1, _REDUCED),
    )
    (folder / "config.yaml").write_text(CONFIG)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
