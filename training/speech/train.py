"""Train the demo speech model on shards of synthesized clips, for a given time.

python training/speech/train.py DATA TOKENIZER OUT --minutes 65
torchrun --nproc-per-node 2 training/speech/train.py ...   (a process a core, gradients averaged)
"""

import argparse
import json
import os
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from faster_whisper.feature_extractor import FeatureExtractor
from muon import Muon
from network import Shape, SpeechNetwork
from noises import noise_pool
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import Tensor, distributed
from torch.nn import functional
from vocabulary import ENTRIES, TIMESTAMPS, Clip, Vocabulary
from windows import IGNORE, Window, WindowMaker

PEAK_RATE, FLOOR_RATE, WARMUP = 2e-3, 3e-5, 60
# Steps in which new character layers learn from a trained encoder before they may teach it.
LISTENING = 150
# Muon's rate for a rate of AdamW.
MUON_FACTOR = 10.0
EMA = 0.997
CTC_WEIGHT, GUIDE_WEIGHT, SPELLING_WEIGHT = 0.5, 0.4, 0.4
GUIDED_HEADS = 1
# CTC costs as much as a layer on long windows, and says there what it says on short ones.
CTC_ROWS = {30: 2}
# A time is nearly right a little off: its neighbours' share of the target, and its weight
# against a word.
TIME_SHARES = {-2: 0.06, -1: 0.22, 0: 0.44, 1: 0.22, 2: 0.06}
TIME_WEIGHT = 0.5
# Seconds of a window -> windows in a batch: about as much sound in each.
BATCH = {5: 20, 9: 14, 15: 8, 30: 4}
# Share of the time -> chances of the window lengths.
CURRICULUM = (
    (0.07, {5: 1.0}),
    (0.14, {5: 0.4, 9: 0.6}),
    (0.25, {5: 0.2, 9: 0.4, 15: 0.3, 30: 0.1}),
    (0.60, {5: 0.1, 9: 0.25, 15: 0.3, 30: 0.35}),
    (1.01, {5: 0.1, 9: 0.15, 15: 0.25, 30: 0.5}),
)
# From where to where distortion grows, and the rate falls.
HARDER, SLOWER = (0.07, 0.65), (0.45, 1.0)
HARDEST = 0.85
LOG_EVERY, SAVE_EVERY_S = 50, 240


class Data:
    """Shards as they appear: training may start while later ones are being made."""

    def __init__(self, folder: Path, vocabulary: Vocabulary) -> None:
        self.folder, self.vocabulary = folder, vocabulary
        self.loaded: set[str] = set()

    def new_clips(self) -> list[Clip]:
        clips = []
        for listing in sorted(self.folder.glob("*.json")):
            if listing.stem in self.loaded:
                continue
            self.loaded.add(listing.stem)
            mel = np.load(listing.with_suffix(".npy"), mmap_mode="r")
            at = 0
            for entry in json.loads(listing.read_text()):
                frames = mel[at : at + entry["frames"]]
                at += entry["frames"]
                clips.append(self.vocabulary.clip(frames, entry["language"], entry["words"]))
        return clips


def collate(windows: list[Window], end: int) -> dict[str, Tensor]:
    longest = max(len(window.tokens) for window in windows)
    tokens = torch.full((len(windows), longest), end)
    targets = torch.full((len(windows), longest), IGNORE)
    spans = torch.full((len(windows), longest, 2), -1.0)
    for row, window in enumerate(windows):
        count = len(window.tokens)
        tokens[row, :count] = torch.tensor(window.tokens)
        targets[row, :count] = torch.tensor(window.targets)
        spans[row, :count] = torch.tensor(window.spans)
    return {
        "mel": torch.from_numpy(np.stack([window.mel for window in windows])),
        "tokens": tokens,
        "targets": targets,
        "spans": spans,
        "spelling": torch.from_numpy(np.stack([window.spelling for window in windows])),
    }


def text_loss(logits: Tensor, targets: Tensor, first_time: int) -> Tensor:
    """Cross-entropy; a timestamp's target is spread over its neighbours."""
    known = targets != IGNORE
    scores, wanted = logits[known].float().log_softmax(-1), targets[known]
    times = (wanted >= first_time) & (wanted < first_time + TIMESTAMPS)
    words = -scores[~times].gather(1, wanted[~times, None]).sum()
    place = wanted[times]
    spread = scores.new_zeros(())
    for offset, share in TIME_SHARES.items():
        near = (place + offset).clamp(first_time, first_time + TIMESTAMPS - 1)
        spread = spread - share * scores[times].gather(1, near[:, None]).sum()
    weight = (~times).sum() + TIME_WEIGHT * times.sum()
    return (words + TIME_WEIGHT * spread) / weight.clamp_min(1)


def guide_loss(weights: Tensor, spans: Tensor) -> Tensor:
    """How little of the guided heads' attention lies where the token is spoken."""
    guided = weights[:, :GUIDED_HEADS]
    position = torch.arange(guided.shape[-1]) * 2.0
    inside = (position >= spans[..., :1] - 8) & (position <= spans[..., 1:] + 8)
    mass = (guided * inside[:, None]).sum(-1).clamp_min(1e-4)
    known = (spans[..., 0] >= 0)[:, None].expand_as(mass)
    return -mass[known].log().mean() if known.any() else weights.sum() * 0


def ctc_loss(logits: Tensor, windows: list[Window]) -> Tensor:
    rows = [row for row, window in enumerate(windows) if window.characters is not None]
    if not rows:
        return logits.sum() * 0
    letters = [windows[row].characters or [] for row in rows]
    return functional.ctc_loss(
        logits[rows].float().log_softmax(-1).transpose(0, 1),
        torch.tensor([letter for row in letters for letter in row], dtype=torch.long),
        torch.full((len(rows),), logits.shape[1], dtype=torch.long),
        torch.tensor([len(row) for row in letters], dtype=torch.long),
        zero_infinity=True,
    )


def progress(share: float, span: tuple[float, float]) -> float:
    """How far `share` is on its way through `span`, 0 to 1."""
    return min(max((share - span[0]) / (span[1] - span[0]), 0.0), 1.0)


def learning_rate(step: int, share: float) -> float:
    warm = min(1.0, (step + 1) / WARMUP)
    return warm * (FLOOR_RATE + (PEAK_RATE - FLOOR_RATE) * (1 - progress(share, SLOWER)))


def window_seconds(share: float, rng: np.random.Generator) -> int:
    chances = next(chances for until, chances in CURRICULUM if share < until)
    return int(rng.choice(list(chances), p=list(chances.values())))


class Trainer:
    def __init__(self, arguments: argparse.Namespace) -> None:
        self.out: Path = arguments.out
        self.out.mkdir(parents=True, exist_ok=True)
        self.minutes: float = arguments.minutes
        self.peak: float = arguments.peak
        self.start_share: float = arguments.start_share
        self.bf16: bool = arguments.bf16
        self.processes = distributed.get_world_size() if distributed.is_initialized() else 1
        self.rank = distributed.get_rank() if distributed.is_initialized() else 0
        # The same in every process, so that none waits for another's longer windows.
        self.lengths = np.random.default_rng(arguments.seed)
        vocabulary = Vocabulary(Tokenizer.from_file(str(arguments.tokenizer)))
        self.vocabulary = vocabulary
        self.data = Data(arguments.data, vocabulary)
        clips = self.data.new_clips()
        filters: NDArray[np.float32] = FeatureExtractor().mel_filters.astype(np.float32)
        noises = noise_pool(5, clips, filters)
        centres = (filters @ np.linspace(0, 8000, 201)) / filters.sum(1)
        centres = np.maximum(centres, 20.0).astype(np.float32)
        self.maker = WindowMaker(clips, vocabulary, noises, centres, arguments.seed + self.rank)
        torch.manual_seed(arguments.seed)
        self.shape = Shape(arguments.width, encoder_layers=arguments.layers)
        others = ENTRIES - len(vocabulary.used)
        self.network = SpeechNetwork(
            self.shape, len(vocabulary.used), others, len(vocabulary.letters)
        )
        self.network.init_timestamps(vocabulary.first_timestamp, TIMESTAMPS)
        before = torch.load(arguments.init) if arguments.init else {}
        if before:
            # A model taken apart by import_ct2.py has no CTC and spelling layers: they start anew.
            self.network.load_state_dict(before["network"], strict=False)
        self.average = {k: v.detach().clone() for k, v in self.network.state_dict().items()}
        named = dict(self.network.named_parameters())
        matrices = {k: p for k, p in named.items() if p.ndim == 2 and ".layers." in k}
        self.muon = Muon(matrices.values())
        rest = [p for k, p in named.items() if k not in matrices]
        self.optimizer = torch.optim.AdamW(
            [
                {"params": [p for p in rest if p.ndim > 1], "weight_decay": 0.01},
                {"params": [p for p in rest if p.ndim <= 1], "weight_decay": 0.0},
            ],
            lr=PEAK_RATE,
            betas=(0.9, 0.98),
        )
        self.listening = LISTENING if before and "ctc.weight" not in before["network"] else 0
        if "optimizer" in before:
            self.optimizer.load_state_dict(before["optimizer"])
            self.muon.buffers = before["muon"]
            self.average = before["average"]
        parameters = sum(p.numel() for p in self.network.parameters())
        print(
            f"{len(vocabulary.used)} tokens, {len(clips)} clips, {parameters} weights", flush=True
        )

    def step(self, number: int, share: float) -> dict[str, float]:
        self.network.encoder_hears_letters = number >= self.listening
        self.maker.difficulty = HARDEST * progress(share, HARDER)
        seconds = window_seconds(share, self.lengths)
        windows = [self.maker.make(seconds) for _ in range(BATCH[seconds])]
        batch = collate(windows, self.vocabulary.control("endoftext"))
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self.bf16):
            logits, ctc_logits, spelling_logits, weights = self.network(
                batch["mel"], batch["tokens"]
            )
        text = text_loss(logits, batch["targets"], self.vocabulary.first_timestamp)
        ctc = ctc_loss(ctc_logits, windows[: CTC_ROWS.get(seconds)])
        # The last layer looks where the next token is spoken, the one before it where the last
        # one was: that is how the decoder keeps its place in a long window.
        heard = functional.pad(batch["spans"], (0, 0, 1, 0), value=-1.0)[:, :-1]
        guide = guide_loss(weights[-1], batch["spans"]) + guide_loss(weights[-2], heard)
        spelling = functional.cross_entropy(
            spelling_logits.float().flatten(0, 1), batch["spelling"].long().flatten()
        )
        loss = text + CTC_WEIGHT * ctc + GUIDE_WEIGHT * guide + SPELLING_WEIGHT * spelling
        loss.backward()
        self.average_gradients()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        rate = learning_rate(number, share) * self.peak / PEAK_RATE
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.step()
        self.muon.step(rate * MUON_FACTOR)
        self.network.zero_grad(set_to_none=True)
        decay = min(EMA, (number + 1) / (number + 10))
        for name, value in self.network.state_dict().items():
            self.average[name].lerp_(value, 1 - decay)
        return {
            f"text{seconds}": text.item(),
            f"ctc{seconds}": ctc.item(),
            f"guide{seconds}": guide.item(),
            f"spell{seconds}": spelling.item(),
        }

    def average_gradients(self) -> None:
        if self.processes == 1:
            return
        parameters = list(self.network.parameters())
        gradients = [p.grad if p.grad is not None else torch.zeros_like(p) for p in parameters]
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        distributed.all_reduce(flat)
        flat /= self.processes
        parts = flat.split([p.numel() for p in parameters])
        for parameter, part in zip(parameters, parts, strict=True):
            parameter.grad = part.view_as(parameter)

    def agreed(self, share: float) -> float:
        """The first process's clock is everybody's."""
        if self.processes == 1:
            return share
        value = torch.tensor([share], dtype=torch.float64)
        distributed.broadcast(value, 0)
        return float(value)

    def save(self, step: int) -> None:
        if self.rank:
            return
        content = {
            "network": self.network.state_dict(),
            "average": self.average,
            "shape": asdict(self.shape),
            "used": self.vocabulary.used,
            "step": step,
            "optimizer": self.optimizer.state_dict(),
            "muon": self.muon.buffers,
        }
        temporary = self.out / "checkpoint.tmp"
        torch.save(content, temporary)
        temporary.rename(self.out / "checkpoint.pt")

    def run(self) -> None:
        begin = saved = logged = time.monotonic()
        sums: dict[str, list[float]] = {}
        number = 0
        share = self.start_share
        while share < 1.0:
            for key, value in self.step(number, share).items():
                sums.setdefault(key, []).append(value)
            number += 1
            now = time.monotonic()
            elapsed = (now - begin) / (60 * self.minutes)
            share = self.agreed(self.start_share + (1 - self.start_share) * elapsed)
            if number % LOG_EVERY == 0 and self.rank == 0:
                means = " ".join(f"{k} {np.mean(v):.3f}" for k, v in sorted(sums.items()))
                took = (now - logged) / LOG_EVERY
                print(f"step {number} share {share:.3f} {took:.2f} s/step {means}", flush=True)
                sums, logged = {}, now
            if now - saved > SAVE_EVERY_S:
                print(f"saved at step {number} share {share:.4f}", flush=True)
                self.maker.extend(self.data.new_clips())
                self.save(number)
                saved = now
        self.save(number)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("tokenizer", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--minutes", type=float, default=65)
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--init", type=Path, help="checkpoint to go on from")
    parser.add_argument("--start-share", type=float, default=0.0, help="where in the curriculum")
    parser.add_argument("--peak", type=float, default=PEAK_RATE, help="highest learning rate")
    parser.add_argument("--bf16", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if "WORLD_SIZE" in os.environ:
        distributed.init_process_group("gloo")
    Trainer(arguments).run()


if __name__ == "__main__":
    main()
