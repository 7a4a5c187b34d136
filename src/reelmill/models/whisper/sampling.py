"""Text that is drawn at a temperature above 0, the same each time it is drawn for the same sound.

A token is drawn from softmax(logits / temperature), as openai/whisper and faster-whisper do. Their
generator runs on from window to window, and CTranslate2's is seeded once for each thread, so what
they draw depends on everything drawn before. Here each window has noise of its own, seeded by its
sound, and a draw is the largest of logits / temperature + Gumbel noise, which has exactly that
distribution (Gumbel 1954; Maddison et al. 2014, arXiv:1411.0030). CTranslate2 goes ahead by the
likeliest tokens and gives the logits of each; they hold as long as the drawn tokens are these, and
from the first that is not it goes ahead again (as in speculative decoding, Leviathan et al. 2022,
arXiv:2211.17192).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from reelmill.core.arrays import Float32
from reelmill.models.whisper.decoding import SpecialTokens

#: Tokens that CTranslate2 goes ahead at a time.
_AHEAD = 24
#: Logits below this are of tokens that may not come.
_NEVER = -1e30

#: CTranslate2's result for a prompt with tokens behind it, up to a length of both, greedily.
Ahead = Callable[[list[int], int, bool], Any]


@dataclass(frozen=True)
class Drawn:
    """Tokens without the end of text, the sum of log probabilities with it, and the probability of
    silence."""

    tokens: tuple[int, ...]
    logprob: float
    no_speech_prob: float


def seed_of(sound: Float32, temperature: float) -> int:
    """The seed for a window with these features, at one temperature."""
    digest = hashlib.blake2b(np.ascontiguousarray(sound).tobytes(), digest_size=16)
    digest.update(np.float64(temperature).tobytes())
    return int.from_bytes(digest.digest(), "little")


def draw(
    ahead: Ahead,
    prompt: Sequence[int],
    max_length: int,
    special: SpecialTokens,
    temperature: float,
    seed: int,
    *,
    timestamps: bool,
) -> Drawn:
    """Draw the text of a window.

    Args:
        ahead: goes ahead; called with the prompt and the tokens so far, the length of both at
            which to stop, and whether no token was drawn yet.
        max_length: of the prompt and the text, in tokens.
        timestamps: whether they are in the text.
    """
    random = np.random.Generator(np.random.PCG64(seed))
    tokens: list[int] = []
    logprob, no_speech_prob, ended = 0.0, None, False
    while not ended and len(prompt) + len(tokens) < max_length:
        begin = len(tokens)
        until = min(max_length, len(prompt) + begin + _AHEAD)
        result = ahead([*prompt, *tokens], until, not begin)
        if no_speech_prob is None:
            no_speech_prob = result.no_speech_prob
        proposed = result.sequences_ids[0]
        for position, logits in enumerate(result.logits[0][begin:], begin):
            allowed = np.where((found := _array(logits)) > _NEVER, found, -np.inf)
            if timestamps:
                _time(allowed, tokens, special)
            else:
                allowed[special.end_of_text + 1 :] = -np.inf
            noise = -np.log(-np.log(random.random(len(allowed))))
            token = int(np.argmax(allowed / temperature + noise))
            logprob += float(allowed[token] - np.logaddexp.reduce(allowed))
            if token == special.end_of_text:
                ended = True
                break
            tokens.append(token)
            is_timestamp = token >= special.timestamp_begin
            if position >= len(proposed) or token != proposed[position]:
                break
            if begin and position == begin and is_timestamp:
                break  # of what is before, CTranslate2's rules for timestamps see only the prompt
        else:
            if len(tokens) == begin:
                break  # it gives nothing further
    return Drawn(tuple(tokens), logprob, no_speech_prob or 0.0)


def _array(logits: Any) -> npt.NDArray[np.float64]:
    return np.asarray(logits).astype(np.float64).ravel()


def _time(allowed: npt.NDArray[np.float64], tokens: Sequence[int], special: SpecialTokens) -> None:
    """Rule out tokens by Whisper's rules for timestamps, which CTranslate2 applies only to what it
    writes itself: they come in pairs, never go back, and come where they are likelier together than
    any text."""
    begin = special.timestamp_begin
    stamps = [token for token in tokens if token >= begin]
    if not stamps:
        return
    after_one = tokens[-1] >= begin
    after_pair = after_one and (len(tokens) < 2 or tokens[-2] >= begin)
    if after_pair:
        allowed[begin:] = -np.inf
    elif after_one:
        allowed[: special.end_of_text] = -np.inf
    allowed[begin : stamps[-1] + (0 if after_one else 1)] = -np.inf
    if np.logaddexp.reduce(allowed[begin:]) > allowed[:begin].max():
        allowed[:begin] = -np.inf
