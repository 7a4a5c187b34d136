"""Train the demo translator for a given time; the grammar makes new sentences as it goes.

PYTHONPATH=src:training/speech python training/translate/train.py RUN --minutes 35

RUN has the tokenizer that vocabulary.py made. The optimizer is the speech model's.
"""

import argparse
import math
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

import torch
from muon import Muon
from torch import Tensor
from torch.nn import functional
from transformers import M2M100Config, M2M100ForConditionalGeneration, PreTrainedTokenizerFast
from vocabulary import FLORES

from synthetic.parallel import as_recognized, with_placeholders, written
from synthetic.sentences import Sentence, training_sentence

# Source, target, share of the sentences.
DIRECTIONS = (("ja", "ko", 0.45), ("en", "ko", 0.3), ("ja", "en", 0.15), ("ko", "en", 0.1))
# Two sentences at once: a recognizer without punctuation cannot tell them apart.
TWO_AT_ONCE = 0.08
# With words of a glossary, which travel as placeholders.
PLACEHOLDERS = 0.1
BATCH_TOKENS, POOL_BATCHES = 2400, 40
PEAK_RATE, WARMUP_STEPS, EMA, IGNORE = 2e-3, 60, 0.995, -100
# Muon's rate for a rate of AdamW.
MUON_FACTOR = 10.0
LOG_EVERY, SAVE_EVERY_S = 50, 180

Pair = tuple[list[int], list[int]]


def config(tokenizer: PreTrainedTokenizerFast) -> M2M100Config:
    """NLLB's architecture, small."""
    return M2M100Config(
        vocab_size=len(tokenizer),
        d_model=128,
        encoder_layers=3,
        decoder_layers=2,
        encoder_attention_heads=4,
        decoder_attention_heads=4,
        encoder_ffn_dim=512,
        decoder_ffn_dim=512,
        encoder_layerdrop=0.0,
        decoder_layerdrop=0.0,
        dropout=0.05,
        attention_dropout=0.0,
        activation_dropout=0.0,
        activation_function="relu",
        max_position_embeddings=256,
        scale_embedding=True,
        bos_token_id=0,
        pad_token_id=1,
        eos_token_id=2,
        decoder_start_token_id=2,
    )


class Pairs:
    """An endless stream of pairs of token ids, source as recognized, target as written."""

    def __init__(self, tokenizer: PreTrainedTokenizerFast, seed: str) -> None:
        self.tokenizer, self.rng = tokenizer, Random(seed)
        self.directions = [(source, target) for source, target, _ in DIRECTIONS]
        self.shares = [share for _, _, share in DIRECTIONS]

    def pair(self) -> Pair:
        source, target = self.rng.choices(self.directions, self.shares)[0]
        if self.rng.random() < PLACEHOLDERS:
            sentence = training_sentence(self.rng)
            texts = {language: written(sentence, language) for language in (source, target)}
            texts = with_placeholders(self.rng, texts)
            return self.encode(source, texts[source]), self.encode(target, texts[target])
        count = 2 if self.rng.random() < TWO_AT_ONCE else 1
        sentences = [training_sentence(self.rng) for _ in range(count)]
        heard = [as_recognized(self.rng, sentence, source) for sentence in sentences]
        between = "" if source == "ja" and self.rng.random() < 0.7 else " "
        return (
            self.encode(source, between.join(heard)),
            self.encode(target, joined(sentences, target)),
        )

    def encode(self, language: str, text: str) -> list[int]:
        code = self.tokenizer.convert_tokens_to_ids(FLORES[language])
        ids = self.tokenizer.backend_tokenizer.encode(text, add_special_tokens=False).ids
        return [code, *ids, self.tokenizer.eos_token_id]

    def batches(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Pairs of similar length together; padded sources, and targets padded with IGNORE."""
        while True:
            pool: list[Pair] = []
            while sum(len(s) + len(t) for s, t in pool) < BATCH_TOKENS * POOL_BATCHES:
                pool += [self.pair() for _ in range(500)]
            pool.sort(key=lambda one: (len(one[0]), len(one[1])))
            groups: list[list[Pair]] = [[]]
            for pair in pool:
                longest = max(map(len, pair))
                if groups[-1] and (len(groups[-1]) + 1) * 2 * longest > BATCH_TOKENS:
                    groups.append([])
                groups[-1].append(pair)
            self.rng.shuffle(groups)
            for group in groups:
                yield padded([s for s, _ in group], 1), padded([t for _, t in group], IGNORE)


def joined(sentences: list[Sentence], language: str) -> str:
    return " ".join(written(sentence, language) for sentence in sentences)


def padded(rows: list[list[int]], filler: int) -> Tensor:
    width = max(map(len, rows))
    return torch.tensor([row + [filler] * (width - len(row)) for row in rows])


def loss_of(model: M2M100ForConditionalGeneration, source: Tensor, target: Tensor) -> Tensor:
    """Cross entropy of what follows the target's language code, which is always given."""
    start = torch.full_like(target[:, :1], model.config.decoder_start_token_id)
    given = torch.cat([start, target[:, :-1].masked_fill(target[:, :-1] == IGNORE, 1)], 1)
    logits = model(
        input_ids=source, attention_mask=(source != 1).long(), decoder_input_ids=given,
        use_cache=False,
    ).logits[:, 1:]  # fmt: skip
    return functional.cross_entropy(
        logits.flatten(0, 1), target[:, 1:].flatten(), ignore_index=IGNORE, label_smoothing=0.02
    )


def rate(share: float, step: int) -> float:
    """Up within the warm-up, then down by a cosine of the time."""
    return (
        PEAK_RATE * min(1.0, step / WARMUP_STEPS) * (0.02 + 0.49 * (1 + math.cos(math.pi * share)))
    )


def train(run: Path, minutes: float) -> None:
    torch.manual_seed(1)
    tokenizer = PreTrainedTokenizerFast.from_pretrained(run / "tokenizer")
    model = M2M100ForConditionalGeneration(config(tokenizer))
    average = [parameter.detach().clone() for parameter in model.parameters()]
    matrices = [p for n, p in model.named_parameters() if p.ndim == 2 and "layers" in n]
    others = [p for n, p in model.named_parameters() if p.ndim != 2 or "layers" not in n]
    muon = Muon(matrices)
    optimizer = torch.optim.AdamW(others, betas=(0.9, 0.98), weight_decay=0.01)
    print(f"{sum(p.numel() for p in model.parameters()):,} weights", flush=True)
    began = saved = time.monotonic()
    losses: list[float] = []
    for step, (source, target) in enumerate(Pairs(tokenizer, "train").batches(), 1):
        share = (time.monotonic() - began) / 60 / minutes
        if share >= 1:
            break
        for group in optimizer.param_groups:
            group["lr"] = rate(share, step)
        loss = loss_of(model, source, target)
        model.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        muon.step(rate(share, step) * MUON_FACTOR)
        with torch.no_grad():
            for kept, parameter in zip(average, model.parameters(), strict=True):
                kept.lerp_(parameter, 1 - min(EMA, step / (step + 10)))
        losses.append(loss.item())
        if step % LOG_EVERY == 0:
            seconds = time.monotonic() - began
            mean = sum(losses) / len(losses)
            print(f"step {step} {seconds:.0f} s loss {mean:.4f}", flush=True)
            losses = []
        if time.monotonic() - saved > SAVE_EVERY_S:
            saved = time.monotonic()
            save(model, average, tokenizer, run)
    save(model, average, tokenizer, run)


def save(
    model: M2M100ForConditionalGeneration,
    average: list[Tensor],
    tokenizer: PreTrainedTokenizerFast,
    run: Path,
) -> None:
    """The averaged weights as a checkpoint that transformers and CTranslate2's converter read."""
    trained = [parameter.detach().clone() for parameter in model.parameters()]
    with torch.no_grad():
        for parameter, kept in zip(model.parameters(), average, strict=True):
            parameter.copy_(kept)
        model.save_pretrained(run / "checkpoint")
        for parameter, kept in zip(model.parameters(), trained, strict=True):
            parameter.copy_(kept)
    tokenizer.save_pretrained(run / "checkpoint")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("run", type=Path)
    parser.add_argument("--minutes", type=float, default=24)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    train(arguments.run, arguments.minutes)
