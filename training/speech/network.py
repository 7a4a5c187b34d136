"""Whisper's network in plain PyTorch, with Hugging Face's parameter names.

It differs from the library's in what training needs: encoder positions cut to the window, an
output layer over the used tokens only, cross-attention weights, and two outputs
over characters: CTC, and what is spoken at each position.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

# Which neighbours (positions of 20 ms) the heads of the encoder's layers look at to begin with.
NEIGHBOURS = ((-3, -1, 1, 3), (-4, -1, 1, 4), (-6, -2, 2, 6), (-8, -2, 2, 8))
_SHARPNESS = 1.2
MELS, FRAMES, POSITIONS = 80, 3000, 1500
TARGET_POSITIONS = 448


@dataclass(frozen=True)
class Shape:
    """Size of the network."""

    width: int = 128
    encoder_heads: int = 4
    decoder_heads: int = 2
    encoder_layers: int = 4
    decoder_layers: int = 2


def sinusoids(length: int, width: int) -> Tensor:
    """Whisper's fixed encoder positions."""
    step = math.log(10_000) / (width // 2 - 1)
    inverse = torch.exp(-step * torch.arange(width // 2))
    angles = torch.arange(length)[:, None] * inverse[None, :]
    return torch.cat([angles.sin(), angles.cos()], dim=1)


class Attention(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.q_proj = nn.Linear(width, width)
        self.k_proj = nn.Linear(width, width, bias=False)
        self.v_proj = nn.Linear(width, width)
        self.out_proj = nn.Linear(width, width)

    def _split(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)

    def forward(self, x: Tensor, source: Tensor, causal: bool = False) -> Tensor:
        q, k, v = self._qkv(x, source)
        y = functional.scaled_dot_product_attention(q, k, v, is_causal=causal)
        return self.out_proj(y.transpose(1, 2).flatten(2))

    def with_weights(self, x: Tensor, source: Tensor) -> tuple[Tensor, Tensor]:
        """The output and the attention weights, [batch, heads, targets, positions]."""
        q, k, v = self._qkv(x, source)
        weights = (q @ k.transpose(2, 3) / math.sqrt(q.shape[-1])).float().softmax(dim=-1)
        return self.out_proj((weights @ v.float()).transpose(1, 2).flatten(2)), weights

    def _qkv(self, x: Tensor, source: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return (
            self._split(self.q_proj(x)),
            self._split(self.k_proj(source)),
            self._split(self.v_proj(source)),
        )


@torch.no_grad()
def look_at_neighbours(attention: Attention, offsets: tuple[int, ...], sharpness: float) -> None:
    """Start each head looking a fixed number of positions away.

    With sinusoidal positions a shift is a rotation of (sin, cos) pairs. Found by training
    alone, it takes the encoder many minutes to see what is next to what.
    """
    width = attention.q_proj.weight.shape[0]
    size = width // attention.heads
    for head, offset in enumerate(offsets[: attention.heads]):
        query, key = torch.zeros(size, width), torch.zeros(size, width)
        for pair in range(size // 2):
            angle = offset * 10_000 ** (-pair / (width // 2 - 1))
            sine, cosine = pair, width // 2 + pair
            key[2 * pair, sine] = key[2 * pair + 1, cosine] = 1.0
            query[2 * pair, sine] = query[2 * pair + 1, cosine] = math.cos(angle)
            query[2 * pair, cosine] = math.sin(angle)
            query[2 * pair + 1, sine] = -math.sin(angle)
        rows = slice(head * size, (head + 1) * size)
        for projection, pattern in ((attention.q_proj, query), (attention.k_proj, key)):
            weight = projection.weight[rows]
            projection.weight[rows] = 0.1 * weight + math.sqrt(sharpness) * pattern
        attention.q_proj.bias[rows] = 0.0


class EncoderLayer(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        width = shape.width
        self.self_attn = Attention(width, shape.encoder_heads)
        self.self_attn_layer_norm = nn.LayerNorm(width)
        self.fc1 = nn.Linear(width, 4 * width)
        self.fc2 = nn.Linear(4 * width, width)
        self.final_layer_norm = nn.LayerNorm(width)

    def forward(self, x: Tensor) -> Tensor:
        y = self.self_attn_layer_norm(x)
        x = x + self.self_attn(y, y)
        y = functional.gelu(self.fc1(self.final_layer_norm(x)))
        return x + self.fc2(y)


class DecoderLayer(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        width = shape.width
        self.self_attn = Attention(width, shape.decoder_heads)
        self.self_attn_layer_norm = nn.LayerNorm(width)
        self.encoder_attn = Attention(width, shape.decoder_heads)
        self.encoder_attn_layer_norm = nn.LayerNorm(width)
        self.fc1 = nn.Linear(width, 4 * width)
        self.fc2 = nn.Linear(4 * width, width)
        self.final_layer_norm = nn.LayerNorm(width)

    def forward(self, x: Tensor, encoded: Tensor) -> tuple[Tensor, Tensor]:
        y = self.self_attn_layer_norm(x)
        x = x + self.self_attn(y, y, causal=True)
        attended, weights = self.encoder_attn.with_weights(self.encoder_attn_layer_norm(x), encoded)
        x = x + attended
        y = functional.gelu(self.fc1(self.final_layer_norm(x)))
        return x + self.fc2(y), weights


class Encoder(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.conv1 = nn.Conv1d(MELS, shape.width, 3, padding=1)
        self.conv2 = nn.Conv1d(shape.width, shape.width, 3, stride=2, padding=1)
        self.layers = nn.ModuleList(EncoderLayer(shape) for _ in range(shape.encoder_layers))
        self.layer_norm = nn.LayerNorm(shape.width)
        self.register_buffer("positions", sinusoids(POSITIONS, shape.width), persistent=False)

        for depth, layer in enumerate(self.layers):
            offsets = NEIGHBOURS[min(depth, len(NEIGHBOURS) - 1)]
            look_at_neighbours(layer.self_attn, offsets, _SHARPNESS * (1 + 0.15 * depth) ** 2)

    def forward(self, mel: Tensor) -> Tensor:
        """`mel` is [batch, frames, 80]; the result has half as many positions."""
        x = functional.gelu(self.conv1(mel.transpose(1, 2)))
        x = functional.gelu(self.conv2(x)).transpose(1, 2)
        positions = self.get_buffer("positions")
        x = x + positions[: x.shape[1]]
        for layer in self.layers:
            x = layer(x)
        return self.layer_norm(x)


class Decoder(nn.Module):
    def __init__(self, shape: Shape, used_tokens: int) -> None:
        super().__init__()
        # One more row than used tokens: it stands for all the others.
        self.embed_tokens = nn.Embedding(used_tokens + 1, shape.width)
        self.embed_positions = nn.Embedding(TARGET_POSITIONS, shape.width)
        self.layers = nn.ModuleList(DecoderLayer(shape) for _ in range(shape.decoder_layers))
        self.layer_norm = nn.LayerNorm(shape.width)

    def forward(self, tokens: Tensor, encoded: Tensor) -> tuple[Tensor, list[Tensor]]:
        x = self.embed_tokens(tokens) + self.embed_positions.weight[: tokens.shape[1]]
        weights: list[Tensor] = []
        for layer in self.layers:
            x, seen = layer(x, encoded)
            weights.append(seen)
        return self.layer_norm(x), weights


class SpeechNetwork(nn.Module):
    """Encoder, decoder over the used tokens, and the CTC output that training adds."""

    def __init__(self, shape: Shape, used_tokens: int, others: int, characters: int) -> None:
        super().__init__()
        self.shape = shape
        self.encoder = Encoder(shape)
        self.decoder = Decoder(shape, used_tokens)
        self.ctc = nn.Linear(shape.width, characters + 1)
        self.ctc_frames = nn.Linear(shape.width, characters + 1)
        self.log_others = math.log(others)
        # Whether the encoder learns from what is told about characters, too.
        self.encoder_hears_letters = True
        nn.init.normal_(self.decoder.embed_tokens.weight, std=0.05)
        nn.init.normal_(self.decoder.embed_positions.weight, std=0.02)

    def init_timestamps(self, first: int, count: int) -> None:
        """Start neighbouring timestamps as neighbours: rows like the encoder's positions."""
        with torch.no_grad():
            rows = 0.07 * sinusoids(count, self.shape.width)
            self.decoder.embed_tokens.weight[first : first + count] += rows

    def forward(self, mel: Tensor, tokens: Tensor) -> tuple[Tensor, Tensor, Tensor, list[Tensor]]:
        """Token, CTC and spelling logits, and each decoder layer's cross-attention weights."""
        encoded = self.encoder(mel)
        hidden, weights = self.decoder(tokens, encoded)
        logits = functional.linear(hidden, self.decoder.embed_tokens.weight)
        bias = torch.zeros(logits.shape[-1])
        bias[-1] = self.log_others
        heard = encoded if self.encoder_hears_letters else encoded.detach()
        return logits + bias, self.ctc(heard), self.ctc_frames(heard), weights
