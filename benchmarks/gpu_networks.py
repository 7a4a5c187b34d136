"""The networks of ONNX Runtime, on CUDA and for comparison on the CPU."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.gpu_ask import Ask, Missing, Tell
from reelmill.engine.stage import Device, ModelSpec
from reelmill.models.faces.dlib import shipped
from reelmill.models.faces.mtcnn import MtcnnSpec
from reelmill.models.speakers.files import DEFAULT, encoder_spec, segmentation_spec
from reelmill.models.speakers.networks import PIECE_FRAMES
from reelmill.models.whisper.features import Float32

#: Cosine of two embeddings of the same input from which on two devices agree; of the speaker
#: encoder, which computes with 8 bits on the CPU.
_ALIKE, _ALIKE_8_BITS = 0.999, 0.9


def speakers(ask: Ask, tell: Tell) -> None:
    """The shipped segmentation and encoder, compared with the CPU."""
    segmentation, encoder = segmentation_spec(DEFAULT), encoder_spec(DEFAULT)
    generator = np.random.default_rng(0)
    sound = generator.integers(-3000, 3000, segmentation.window_samples, np.int16)
    pieces = generator.standard_normal((2, PIECE_FRAMES, 80)).astype(np.float32)
    hearing, again = _on_both(ask, segmentation)
    (here,), (there,) = (model.hear([sound[None]])[0] for model in (hearing, again))
    tell({"segmentation differs by": float(np.abs(here.speech - there.speech).max())})
    for count in ask.scale.pieces:
        windows = np.repeat(sound[None], count, axis=0)
        rate = _rate(lambda runs=[windows]: hearing.hear(runs), count * segmentation.window_seconds)
        tell({f"segmentation, {count} windows": {"x real time": rate}})
    embedding, again = _on_both(ask, encoder)
    one, other = (model.embed([pieces])[0] for model in (embedding, again))
    tell({"embeddings agree": _agree(one, other, _ALIKE_8_BITS)})
    for count in ask.scale.pieces:
        group = np.resize(pieces, (count, *pieces.shape[1:]))
        rate = _rate(lambda groups=[group]: embedding.embed(groups), count)
        tell({f"encoder, {count} pieces": {"pieces a second": rate}})


def faces(ask: Ask, tell: Tell) -> None:
    """The shipped detector and face network, compared with the CPU."""
    generator = np.random.default_rng(0)
    noise = generator.integers(0, 255, (*ask.scale.frame, 3), np.uint8)
    detector, again = _on_both(ask, MtcnnSpec())
    (one,), (other,) = (model.look([noise]) for model in (detector, again))
    tell({"found in noise": [len(one), len(other)]})
    for count in ask.scale.frames:
        rate = _rate(lambda some=[noise] * count: detector.look(some), count)
        tell({f"detector, {count} frames": {"frames a second": rate}})
    spec = shipped()
    network, again = _on_both(ask, spec)
    pictures = generator.integers(0, 255, (2, spec.side, spec.side, 3), np.uint8)
    tell({"embeddings agree": _agree(network.embed(pictures), again.embed(pictures))})
    for count in ask.scale.pieces:
        some = np.resize(pictures, (count, *pictures.shape[1:]))
        tell(
            {
                f"network, {count} faces": {
                    "faces a second": _rate(lambda p=some: network.embed(p), count)
                }
            }
        )


def _on_both(ask: Ask, spec: ModelSpec) -> tuple[Any, Any]:
    """A network on the device, warmed up, and on the CPU. Raises Missing without CUDA."""
    kind = ask.scale.device.kind
    if reason := spec.unsupported_reason(kind):
        raise Missing(reason)
    model = spec.load(ask.scale.device, ask.threads)
    spec.warm_up(model)
    return model, spec.load(Device("cpu"), ask.threads)


def _rate(infer: Callable[[], Any], amount: float) -> float:
    """The rate per second of the second call: the first one sets up what depends on the size."""
    infer()
    began = time.monotonic()
    infer()
    return round(amount / max(time.monotonic() - began, 1e-9), 1)


def _agree(one: Float32, other: Float32, alike: float = _ALIKE) -> dict[str, Any]:
    """Whether embeddings of two devices agree."""
    unit = [x / np.linalg.norm(x, axis=1, keepdims=True) for x in (one, other)]
    least = float((unit[0] * unit[1]).sum(axis=1).min())
    return {"least cosine": round(least, 6), "alike": least >= alike}
