"""Train the demo aligner.

python training/align/train.py DATA RUN --minutes 35

The loss is CTC (Graves et al. 2006) within known bounds: a word's letters must be spelled, without
blanks, in exactly the frames in which the synthesizer said the word, and `|` in the frames in which
it said nothing. The position of a letter within its word is summed over, as in CTC. This converges
many times faster than CTC over whole sentences, and the letters begin and end where the word does
instead of being late peaks.
"""

import argparse
import math
import sys
import time
from pathlib import Path

import numpy as np
import torch
from network import Network
from torch import Tensor
from torch.nn import functional
from windows import IGNORED, Maker, Window, load

sys.path.append(str(Path(__file__).parents[1] / "speech"))
from muon import Muon

_NEVER = -1e4
BLANK = 0


def batch_loss(log_probs: Tensor, windows: list[Window]) -> tuple[Tensor, Tensor]:
    """Mean negative log likelihood a frame: of words, and of silence."""
    quiet = torch.from_numpy(np.stack([window.quiet for window in windows]))
    silence = functional.nll_loss(log_probs.flatten(0, 1), quiet.flatten(), ignore_index=IGNORED)
    words = [(row, *word) for row, window in enumerate(windows) for word in window.words]
    lengths = torch.tensor([after - first for _, _, first, after in words])
    longest = int(lengths.max())
    frames = torch.tensor([first for _, _, first, _ in words])[:, None] + torch.arange(longest)
    rows = torch.tensor([row for row, *_ in words])[:, None]
    cut = log_probs[rows, frames.clamp(max=log_probs.shape[1] - 1)].transpose(0, 1)
    never = torch.zeros(cut.shape[-1])
    never[BLANK] = _NEVER
    spelled = [_without_repeats(letters) for _, letters, _, _ in words]
    targets = torch.tensor([letter for letters in spelled for letter in letters])
    sizes = torch.tensor([len(letters) for letters in spelled])
    losses = functional.ctc_loss(cut + never, targets, lengths, sizes, BLANK, reduction="none")
    return losses.sum() / lengths.sum(), silence


def _without_repeats(letters: list[int]) -> list[int]:
    """Without blanks a doubled letter is one long one."""
    return [
        letter for index, letter in enumerate(letters) if letters[index - 1 : index] != [letter]
    ]


class Trainer:
    """One run: network, two optimizers, a running average of the weights."""

    def __init__(self, maker: Maker, minutes: float, init: Path | None, start: float) -> None:
        torch.manual_seed(1)
        self.maker, self.seconds, self.start = maker, 60 * minutes, start
        self.network = Network()
        if init is not None:
            self.network.load_state_dict(torch.load(init, weights_only=True)["average"])
        named = dict(self.network.named_parameters())
        matrices = [n for n, p in named.items() if p.ndim == 2 and not n.startswith("head")]
        self.muon = Muon(named[name] for name in matrices)
        rest = [parameter for name, parameter in named.items() if name not in matrices]
        self.adam = torch.optim.AdamW(rest, betas=(0.9, 0.98), weight_decay=0.01)
        self.average = {k: v.clone() for k, v in self.network.state_dict().items()}
        self.steps = 0

    def step(self, share: float) -> tuple[float, float]:
        """One step at `share` of the run's time; the losses of words and of silence."""
        long = share > 0.25 and self.steps % 4 == 0
        seconds, count = (12.0, 3) if long else (4.0, 8)
        difficulty = min(1.0, 0.3 + 2 * share)
        windows = [self.maker.make(seconds, difficulty) for _ in range(count)]
        samples = torch.from_numpy(np.stack([window.samples for window in windows]))
        words, silence = batch_loss(self.network(samples), windows)
        for parameter in self.network.parameters():
            parameter.grad = None
        (words + 0.3 * silence).backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        rate = min(1.0, (self.steps + 1) / 40) * (0.5 + 0.5 * math.cos(math.pi * share))
        self.muon.step(0.02 * rate)
        for group in self.adam.param_groups:
            group["lr"] = 3e-3 * rate
        self.adam.step()
        self.steps += 1
        keep = min(0.99, self.steps / (self.steps + 10))
        for name, value in self.network.state_dict().items():
            self.average[name].lerp_(value, 1 - keep)
        return words.item(), silence.item()

    def run(self, folder: Path) -> None:
        """Train for the given time, with a checkpoint every three minutes."""
        begin = saved = time.monotonic()
        recent: list[tuple[float, float]] = []
        while (now := time.monotonic()) - begin < self.seconds:
            done = (now - begin) / self.seconds
            recent.append(self.step(self.start + (1 - self.start) * done))
            if self.steps % 20 == 0:
                words, silence = np.mean(recent[-20:], axis=0)
                took = (time.monotonic() - begin) / self.steps
                print(
                    f"step {self.steps} minute {(now - begin) / 60:.1f} words {words:.3f} "
                    f"silence {silence:.3f} {took:.2f} s/step",
                    flush=True,
                )
            if now - saved > 180:
                self.save(folder)
                saved = now
        self.save(folder)

    def save(self, folder: Path) -> None:
        partial = folder / "checkpoint.partial"
        torch.save({"average": self.average, "steps": self.steps}, partial)
        partial.rename(folder / "checkpoint.pt")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("run", type=Path)
    parser.add_argument("--minutes", type=float, default=35)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--init", type=Path, help="a checkpoint to go on from")
    parser.add_argument("--start-share", type=float, default=0.0, help="where in the schedule")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    arguments.run.mkdir(parents=True, exist_ok=True)
    maker = Maker(load(arguments.data), seed=1 if arguments.init is None else 2)
    trainer = Trainer(maker, arguments.minutes, arguments.init, arguments.start_share)
    trainer.run(arguments.run)


if __name__ == "__main__":
    main()
