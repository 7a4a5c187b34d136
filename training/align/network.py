"""wav2vec2 with layer norm everywhere, small, channels last: quick to train on one core.

The same function as transformers' Wav2Vec2ForCTC with `feat_extract_norm="layer"` and
`do_stable_layer_norm` (Baevski et al. 2020, wav2vec 2.0); `state_dict_of` writes its weights under
the library's names. Strides, and the kernel and groups of the positional convolution, are those
that CTranslate2 has built in.
"""

import math

import torch
from alphabet import TOKENS
from torch import Tensor, nn
from torch.nn import functional

RATE = 16_000
BANDS = 32
KERNELS = (160, 3, 3, 3, 3, 2, 2)
STRIDES = (5, 2, 2, 2, 2, 2, 2)
CHANNELS = (2 * BANDS, 64, 64, 64, 96, 128, 128)
WIDTH, LAYERS, HEADS, INNER = 128, 3, 4, 384
POSITIONS, GROUPS = 128, 16
HOP = math.prod(STRIDES)
_LOWEST, _HIGHEST = 100.0, 7400.0
_FLOOR = 0.03  # of the sound's level: what is quieter has no spectrum
_TILT = 0.7  # speech gets weaker with frequency; the filters make up for it


def reach() -> int:
    """Samples that one frame is computed from."""
    total, step = 1, 1
    for kernel, stride in zip(KERNELS, STRIDES, strict=True):
        total += (kernel - 1) * step
        step *= stride
    return total


def filters() -> tuple[Tensor, Tensor]:
    """The first layer: cosines and sines of mel-spaced frequencies, and biases."""
    mels = torch.linspace(_mel(_LOWEST), _mel(_HIGHEST), BANDS)
    frequency = 700 * (10 ** (mels / 2595) - 1)
    size = KERNELS[0]
    time = (torch.arange(size) - size / 2) / RATE
    window = torch.hann_window(size)
    window = window / window.norm()
    phase = 2 * math.pi * frequency[:, None] * time[None]
    gain = ((frequency / 500) ** _TILT)[:, None]
    weight = torch.cat([torch.cos(phase), torch.sin(phase)]) * window * torch.cat([gain, gain])
    bias = _FLOOR * (-1.0) ** torch.arange(2 * BANDS)
    return weight, bias


def _mel(frequency: float) -> float:
    return 2595 * math.log10(1 + frequency / 700)


class Convolution(nn.Module):
    """Convolution, layer norm, GELU over [batch, time, channels]; the kernel is laid out flat."""

    def __init__(self, before: int, after: int, kernel: int, stride: int) -> None:
        super().__init__()
        self.kernel, self.stride = kernel, stride
        self.linear = nn.Linear(before * kernel, after)
        self.norm = nn.LayerNorm(after)
        if before == after:
            # Start by smoothing each channel: what the layers below found stays visible.
            with torch.no_grad():
                taps = [0.5, 1.0, 0.5] if kernel == 3 else [1.0] * kernel
                smooth = torch.cat([tap * torch.eye(after) for tap in taps], dim=1)
                self.linear.weight.mul_(0.5).add_(0.5 * smooth)

    def forward(self, x: Tensor) -> Tensor:
        count = (x.shape[1] - self.kernel) // self.stride + 1
        last = (count - 1) * self.stride + 1
        taps = [x[:, tap : tap + last : self.stride] for tap in range(self.kernel)]
        return functional.gelu(self.norm(self.linear(torch.cat(taps, dim=2))))


class Layer(nn.Module):
    """A transformer layer that normalizes first."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.final_norm = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.query, self.key, self.value, self.out = (nn.Linear(WIDTH, WIDTH) for _ in range(4))
        self.inner, self.outer = nn.Linear(WIDTH, INNER), nn.Linear(INNER, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        normed = self.norm(x)
        query, key, value = (self._split(m(normed)) for m in (self.query, self.key, self.value))
        heard = functional.scaled_dot_product_attention(query, key, value)
        x = x + self.out(heard.transpose(1, 2).flatten(2))
        return x + self.outer(functional.gelu(self.inner(self.final_norm(x))))

    def _split(self, x: Tensor) -> Tensor:
        return x.unflatten(2, (HEADS, WIDTH // HEADS)).transpose(1, 2)


class Network(nn.Module):
    """Samples [batch, time], mean 0 and variance 1, to log probabilities of letters a frame."""

    def __init__(self) -> None:
        super().__init__()
        weight, bias = filters()
        self.register_buffer("bank", weight)
        self.register_buffer("bank_bias", bias)
        shapes = zip(CHANNELS[:-1], CHANNELS[1:], KERNELS[1:], STRIDES[1:], strict=True)
        self.convolutions = nn.ModuleList(Convolution(*shape) for shape in shapes)
        self.projection_norm = nn.LayerNorm(CHANNELS[-1])
        self.projection = nn.Linear(CHANNELS[-1], WIDTH)
        self.position = nn.Conv1d(WIDTH, WIDTH, POSITIONS, padding=POSITIONS // 2, groups=GROUPS)
        nn.init.normal_(self.position.weight, std=2 / math.sqrt(POSITIONS * WIDTH))
        self.layers = nn.ModuleList(Layer() for _ in range(LAYERS))
        self.norm = nn.LayerNorm(WIDTH)
        self.head = nn.Linear(WIDTH, len(TOKENS))

    def forward(self, samples: Tensor) -> Tensor:
        with torch.no_grad():
            x = functional.conv1d(samples[:, None], self.bank[:, None], self.bank_bias, STRIDES[0])
            x = functional.gelu(functional.layer_norm(x.transpose(1, 2), (CHANNELS[0],)))
        for convolution in self.convolutions:
            x = convolution(x)
        x = self.projection(self.projection_norm(x))
        around = self.position(x.transpose(1, 2))[..., :-1].transpose(1, 2)
        x = x + functional.gelu(around)
        for layer in self.layers:
            x = layer(x)
        return functional.log_softmax(self.head(self.norm(x)), dim=-1)


_IN_LAYER = {
    "norm": "layer_norm",
    "final_norm": "final_layer_norm",
    "query": "attention.q_proj",
    "key": "attention.k_proj",
    "value": "attention.v_proj",
    "out": "attention.out_proj",
    "inner": "feed_forward.intermediate_dense",
    "outer": "feed_forward.output_dense",
}
_OUTSIDE = {
    "projection_norm": "feature_projection.layer_norm",
    "projection": "feature_projection.projection",
    "position": "encoder.pos_conv_embed.conv",
    "norm": "encoder.layer_norm",
}


def state_dict_of(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Trained weights under the names of transformers' Wav2Vec2ForCTC."""
    extractor = "wav2vec2.feature_extractor.conv_layers"
    named = {
        f"{extractor}.0.conv.weight": weights["bank"][:, None],
        f"{extractor}.0.conv.bias": weights["bank_bias"],
        f"{extractor}.0.layer_norm.weight": torch.ones(CHANNELS[0]),
        f"{extractor}.0.layer_norm.bias": torch.zeros(CHANNELS[0]),
    }
    for name, tensor in weights.items():
        head, _, rest = name.partition(".")
        if head == "convolutions":
            index, part, kind = rest.split(".")
            flat = part == "linear" and kind == "weight"
            kernel = KERNELS[int(index) + 1]
            part = "conv" if part == "linear" else "layer_norm"
            named[f"{extractor}.{int(index) + 1}.{part}.{kind}"] = (
                tensor.unflatten(1, (kernel, -1)).transpose(1, 2) if flat else tensor
            )
        elif head == "layers":
            index, part, kind = rest.split(".")
            named[f"wav2vec2.encoder.layers.{index}.{_IN_LAYER[part]}.{kind}"] = tensor
        elif name == "position.weight":
            # The library keeps direction and length (Salimans and Kingma 2016, weight norm).
            part = "wav2vec2.encoder.pos_conv_embed.conv.parametrizations.weight.original"
            named[f"{part}0"] = tensor.norm(dim=(0, 1), keepdim=True)
            named[f"{part}1"] = tensor
        elif head == "head":
            named[f"lm_head.{rest}"] = tensor
        elif head in _OUTSIDE:
            named[f"wav2vec2.{_OUTSIDE[head]}.{rest}"] = tensor
    return {name: tensor.contiguous() for name, tensor in named.items()}
