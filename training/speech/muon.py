"""The Muon optimizer: momentum whose matrices are made orthogonal before they are applied.

For the weight matrices of the layers; measured here, the encoder learns twice as fast per step
as with AdamW, which keeps everything else (embeddings, convolutions, biases).
"""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

_COEFFICIENTS = (3.4445, -4.7750, 2.0315)
_ITERATIONS = 5
_DECAY = 0.01


def orthogonalized(gradient: Tensor) -> Tensor:
    """The nearest matrix with orthogonal rows or columns, by a Newton-Schulz iteration."""
    a, b, c = _COEFFICIENTS
    x = gradient / (gradient.norm() + 1e-7)
    tall = x.shape[0] > x.shape[1]
    if tall:
        x = x.T
    for _ in range(_ITERATIONS):
        square = x @ x.T
        x = a * x + (b * square + c * square @ square) @ x
    return x.T if tall else x


class Muon:
    """Steps of `rate` for two-dimensional parameters."""

    def __init__(self, parameters: Iterable[nn.Parameter], momentum: float = 0.95) -> None:
        self.parameters = list(parameters)
        self.momentum = momentum
        self.buffers = [torch.zeros_like(parameter) for parameter in self.parameters]

    @torch.no_grad()
    def step(self, rate: float) -> None:
        for parameter, buffer in zip(self.parameters, self.buffers, strict=True):
            if parameter.grad is None:
                continue
            buffer.mul_(self.momentum).add_(parameter.grad)
            update = orthogonalized(parameter.grad + self.momentum * buffer)
            scale = max(1.0, parameter.shape[0] / parameter.shape[1]) ** 0.5
            parameter.mul_(1 - rate * _DECAY).add_(update, alpha=-rate * scale)
