"""Compare our conversion of LR-ASD, and our sound features, with the original code.

    pip install torch==2.13.0 python_speech_features reelmill
    git clone https://github.com/Junhua-Liao/LR-ASD
    python training/faces/compare_lr_asd.py LR-ASD finetuning_TalkSet.model \
        --json benchmarks/results/lr_asd.json

Blurred noise as faces and sound; fails when a score differs by more than 1e-4.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch

from reelmill.core import gate
from reelmill.models.faces.lr_asd import cepstra
from reelmill.models.faces.lr_asd_convert import SIDE, SOUND_FRAMES, convert

TOLERANCE = 1e-4


def original(repository: Path, weights: Path) -> Any:
    """Scores (t,) of `sound` and `faces` by the repository's own modules."""
    sys.path.insert(0, str(repository))
    from loss import lossAV  # type: ignore[import-not-found]
    from model.Model import ASD_Model  # type: ignore[import-not-found]

    model, head = ASD_Model(), lossAV()
    state = torch.load(weights, map_location="cpu", weights_only=True)
    parts = [(model, "model."), (head, "lossAV.")]
    for module, prefix in parts:
        own = {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
        module.load_state_dict(own)
        module.eval()

    def scores(sound: np.ndarray, faces: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            heard = model.forward_audio_frontend(torch.from_numpy(sound)[None])
            seen = model.forward_visual_frontend(torch.from_numpy(faces).float()[None])
            found: np.ndarray = head(model.forward_audio_visual_backend(heard, seen))
            return found

    return scores


def made(seed: int, frames: int) -> tuple[np.ndarray, np.ndarray]:
    """Sound of 16 kHz (int16 values) and faces (t, 112, 112)."""
    rng = np.random.default_rng(seed)
    coarse = torch.from_numpy(rng.uniform(0, 255, (1, 1, frames // 4 + 2, 9, 9)).astype(np.float32))
    size = (frames, SIDE, SIDE)
    faces = torch.nn.functional.interpolate(coarse, size, mode="trilinear")[0, 0]
    noise = rng.normal(0, 1, frames * 640)
    loud = np.interp(
        np.arange(len(noise)),
        np.arange(0, len(noise), 1600),
        rng.uniform(0, 4000, -(-len(noise) // 1600)),
    )
    return (noise * loud).astype(np.int16), faces.round().byte().numpy()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("repository", type=Path)
    parser.add_argument("weights", type=Path)
    parser.add_argument("--json", type=Path, help="write the figures here")
    options = parser.parse_args()
    import python_speech_features

    theirs = original(options.repository, options.weights)
    with tempfile.TemporaryDirectory() as folder:
        path = gate.own(Path(folder)) / "lr-asd.onnx"
        convert(options.weights, path)
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        size = path.stat().st_size
    worst, heard_worst, seconds, theirs_seconds = 0.0, 0.0, 0.0, 0.0
    lengths = [1, 2, 7, 25, 61, 150]
    for seed, frames in enumerate(lengths):
        sound, faces = made(seed, frames)
        reference = python_speech_features.mfcc(
            sound, 16_000, numcep=13, winlen=0.025, winstep=0.010
        ).astype(np.float32)
        own = cepstra(sound.astype(np.float32), SOUND_FRAMES * frames)
        heard_worst = max(heard_worst, float(np.abs(own[: len(reference)] - reference).max()))
        begin = time.process_time()
        (ours,) = session.run(["scores"], {"sound": own[None], "faces": faces[None]})
        between = time.process_time()
        worst = max(worst, float(np.abs(ours[0] - theirs(own, faces)).max()))
        seconds += between - begin
        theirs_seconds += time.process_time() - between
    result = {
        "bytes": size,
        "lengths, frames": lengths,
        "scores differ by": worst,
        "sound features differ by": heard_worst,
        "ms a face and frame, ours": round(1000 * seconds / sum(lengths), 2),
        "ms a face and frame, original": round(1000 * theirs_seconds / sum(lengths), 2),
    }
    print(json.dumps(result, indent=1))
    if options.json:
        options.json.write_text(json.dumps(result, indent=1) + "\n")
    if worst > TOLERANCE:
        sys.exit("this is not the original network")


if __name__ == "__main__":
    main()
