"""Compare our conversion of InceptionResnetV1 with facenet-pytorch's own network.

    pip install torch==2.13.0 requests tqdm reelmill
    pip install --no-deps facenet-pytorch==2.5.3
    python training/faces/compare_facenet.py --json benchmarks/results/facenet.json
    python training/faces/compare_facenet.py --weights 20180402-114759-vggface2.pt

Without `--weights` the network gets random ones, its normalizations' statistics included, saved in
both forms PyTorch's files have had. Fails when an embedding differs by more than 1e-4.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch

from reelmill.core import gate
from reelmill.models.faces.facenet_convert import SIZE, convert

TOLERANCE = 1e-4
PICTURES = 16


def original() -> Any:
    """facenet-pytorch's own module, without its package (whose import wants torchvision)."""
    package = importlib.util.find_spec("facenet_pytorch")
    if package is None or not package.submodule_search_locations:
        sys.exit("facenet-pytorch is missing: pip install --no-deps facenet-pytorch==2.5.3")
    source = Path(package.submodule_search_locations[0]) / "models/inception_resnet_v1.py"
    with tempfile.TemporaryDirectory() as folder:
        gate.own(Path(folder))
        copy = Path(folder) / "original_facenet.py"
        text = source.read_text().replace("from .utils.download import download_url_to_file", "")
        copy.write_text(text)
        spec = importlib.util.spec_from_file_location("original_facenet", copy)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return module.InceptionResnetV1


def random_pictures(count: int) -> np.ndarray:
    """Blurred noise, because a network gives the same output for any pure noise."""
    coarse = np.random.default_rng(1).integers(0, 256, (count, 3, 8, 8)).astype(np.float32)
    fine = torch.nn.functional.interpolate(torch.from_numpy(coarse), (SIZE, SIZE), mode="bicubic")
    return fine.clamp(0, 255).byte().permute(0, 2, 3, 1).contiguous().numpy()


def normalized(pictures: np.ndarray) -> Any:
    return (torch.from_numpy(pictures).permute(0, 3, 1, 2).float() - 127.5) / 128


def randomized(network: Any, pictures: np.ndarray) -> None:
    """Set random weights, and let normalizations learn their statistics from pictures, so that
    signals neither fade nor explode."""
    torch.manual_seed(7)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d | torch.nn.BatchNorm1d):
            torch.nn.init.uniform_(module.weight, 0.6, 1.4)
            torch.nn.init.normal_(module.bias, 0, 0.3)
            module.momentum = 1.0
    network.train()
    network.dropout.p = 0.0
    with torch.no_grad():
        network(normalized(pictures))
    network.eval()


def opened(path: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(str(path), options, ["CPUExecutionProvider"])


def milliseconds(run: Callable[[], object], faces: int) -> float:
    """Milliseconds per face: the best of five runs after a warm-up run."""
    times = []
    for _ in range(6):
        began = time.perf_counter()
        run()
        times.append(time.perf_counter() - began)
    return round(1000 * min(times[1:]) / faces, 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--speed", action="store_true", help="also time both, one thread each")
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
    network = original()().eval()
    pictures = random_pictures(PICTURES)
    if options.weights:
        state = torch.load(options.weights, weights_only=True)
        network.load_state_dict({k: v for k, v in state.items() if not k.startswith("logits")})
    else:
        randomized(network, pictures)
    with torch.no_grad():
        tensor = normalized(pictures)
        theirs = network(tensor).numpy()
    result: dict[str, Any] = {
        "weights": options.weights.name if options.weights else "random",
        "torch": torch.__version__,
        "onnxruntime": onnxruntime.__version__,
    }
    with tempfile.TemporaryDirectory() as folder:
        gate.own(Path(folder))
        for form, is_zip in (("zip", True), ("before 1.6", False)):
            saved, made = Path(folder) / "weights.pt", Path(folder) / "made.onnx"
            torch.save(network.state_dict(), saved, _use_new_zipfile_serialization=is_zip)
            convert(saved, made)
            session = opened(made)
            (ours,) = session.run(None, {"pictures": pictures})
            result[form] = {
                "largest_difference": float(np.abs(ours - theirs).max()),
                "least_cosine": float((ours * theirs).sum(axis=1).min()),
                "cosine_of_different_pictures": float((ours[:-1] * ours[1:]).sum(axis=1).mean()),
                "file_mb": round(made.stat().st_size / 1e6, 1),
            }
            if options.speed and is_zip:
                result["ms_a_face"] = {
                    "facenet-pytorch": milliseconds(partial(network, tensor), PICTURES),
                    "converted": milliseconds(
                        partial(session.run, None, {"pictures": pictures}), PICTURES
                    ),
                }
    text = json.dumps(result, indent=1)
    print(text)
    if options.json:
        options.json.write_text(text + "\n")
    if max(result[form]["largest_difference"] for form in ("zip", "before 1.6")) > TOLERANCE:
        sys.exit("the converted network is not the original one")


if __name__ == "__main__":
    main()
