"""Forced alignment: finds the frames in which each letter of a known text is spoken.

Finds the best path through a CTC trellis (Graves et al. 2006; Kürzinger et al. 2020,
arXiv:2007.09127) for several texts at once. Frames are processed one after the other; the letters
of all texts in a batch form one array.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from reelmill.core.arrays import Float32
from reelmill.models.alignment.spelling import ANY, Alphabet

Int32 = npt.NDArray[np.int32]

#: In `Spelled.letters`: optional silence.
GAP = -2

#: The penalty per frame for matching any letter instead of the right one.
_ANY_PENALTY = np.float32(1.0)
_IMPOSSIBLE = np.float32(-1e30)
#: The number of values in the arrays of a batch: 64 MB for the two largest.
_BATCH_NUMBERS = 4 << 20


@dataclass(frozen=True)
class Spelled:
    """A text for the trellis: letters, ANY and GAP, each with the word it belongs to.

    A GAP belongs to no word (-1).
    """

    letters: Int32
    words: Int32

    @property
    def least_frames(self) -> int:
        return int(np.count_nonzero(self.letters != GAP))


@dataclass(frozen=True)
class WordFrames:
    """First frame, frame after the last, and mean probability of each word; -1 where it has none.

    Shapes (words,).
    """

    first: Int32
    after: Int32
    score: Float32


def spell_words(words: Sequence[Sequence[int]]) -> Spelled:
    """The letter numbers of the words in a row, with room for silence around each word."""
    letters, owners = [GAP], [-1]
    for index, word in enumerate(words):
        if word:
            letters += [*word, GAP]
            owners += [index] * len(word) + [-1]
    return Spelled(np.array(letters, np.int32), np.array(owners, np.int32))


def align(
    log_probs: Sequence[Float32],
    texts: Sequence[Spelled],
    counts: Sequence[int],
    alphabet: Alphabet,
) -> list[WordFrames]:
    """The best path of each text through its frames.

    Args:
        log_probs: one (frames, letters) a text.
        texts: what is said.
        counts: how many words each text has.
        alphabet: that of the log probabilities.

    A text with more letters than there are frames has no path: all its words get -1.
    """
    found: dict[int, WordFrames] = {}
    possible = []
    for index, (probs, text, count) in enumerate(zip(log_probs, texts, counts, strict=True)):
        if 0 < text.least_frames <= len(probs):
            possible.append(index)
        else:
            nowhere = np.full(count, -1, np.int32)
            found[index] = WordFrames(nowhere, nowhere, np.zeros(count, np.float32))
    for batch in _batches(possible, log_probs, texts):
        trellis = _Trellis([log_probs[i] for i in batch], [texts[i] for i in batch], alphabet)
        for row, index in enumerate(batch):
            found[index] = trellis.path(row, texts[index], counts[index])
    return [found[index] for index in range(len(texts))]


def _batches(
    indices: list[int], log_probs: Sequence[Float32], texts: Sequence[Spelled]
) -> Iterator[list[int]]:
    """Group texts of similar length, as many as fit into the memory for a batch."""
    batch: list[int] = []
    letters = 0
    for index in sorted(indices, key=lambda i: (len(log_probs[i]), len(texts[i].letters))):
        widest = max(letters, len(texts[index].letters))
        if batch and (len(batch) + 1) * widest * len(log_probs[index]) > _BATCH_NUMBERS:
            yield batch
            batch, widest = [], len(texts[index].letters)
        batch.append(index)
        letters = widest
    if batch:
        yield batch


class _Trellis:
    """Arrays (frames, texts, letters). Shorter texts and sounds are padded."""

    def __init__(self, log_probs: list[Float32], texts: list[Spelled], alphabet: Alphabet) -> None:
        self._frames = np.array([len(probs) for probs in log_probs])
        self._letters = np.array([len(text.letters) for text in texts])
        shape = (int(self._frames.max()), len(texts), int(self._letters.max()))
        self._enter = np.full(shape, _IMPOSSIBLE, np.float32)
        self._stay = np.full(shape, _IMPOSSIBLE, np.float32)
        for row, (probs, text) in enumerate(zip(log_probs, texts, strict=True)):
            part = np.s_[: len(probs), row, : len(text.letters)]
            self._enter[part], self._stay[part] = _emissions(probs, text.letters, alphabet)
        gaps = np.zeros(shape[1:], bool)
        for row, text in enumerate(texts):
            gaps[row, : len(text.letters)] = text.letters == GAP
        #: The cost of coming from two letters before. Only a gap may be skipped.
        self._over = np.where(gaps, np.float32(0), _IMPOSSIBLE)[:, :-1]
        self._walk()

    def _walk(self) -> None:
        """Go from the first frame to the last: the best way to each letter, and where it came
        from."""
        frames, texts, letters = self._enter.shape
        best = np.full((texts, letters + 2), _IMPOSSIBLE, np.float32)
        here, before, over = best[:, 2:], best[:, 1:-1], best[:, :-2]
        here[:, 0] = self._stay[0, :, 0]
        here[:, 1] = self._enter[0, :, 1]
        self._back = np.zeros((frames, texts, letters), np.uint8)
        self._ends = np.empty((texts, letters), np.float32)
        self._keep_ends(0, here)
        skip = np.full((texts, letters), _IMPOSSIBLE, np.float32)
        skip[:, 1:] = self._over
        from_over = np.empty((texts, letters), np.float32)
        moved = np.empty((texts, letters), np.float32)
        for frame in range(1, frames):
            np.add(over, skip, out=from_over)
            back = self._back[frame]
            np.greater(from_over, before, out=back.view(bool))
            np.maximum(before, from_over, out=moved)
            moved += self._enter[frame]
            stayed = here + self._stay[frame]
            back += 1
            back *= moved > stayed
            np.maximum(moved, stayed, out=here)
            self._keep_ends(frame, here)

    def _keep_ends(self, frame: int, here: Float32) -> None:
        over = np.flatnonzero(self._frames == frame + 1)
        if len(over):
            self._ends[over] = here[over]

    def path(self, row: int, text: Spelled, count: int) -> WordFrames:
        """Go back from the last frame, and from letters to words."""
        frames, last = int(self._frames[row]), int(self._letters[row]) - 1
        at = last if self._ends[row, last] >= self._ends[row, last - 1] else last - 1
        states = np.empty(frames, np.int64)
        back = self._back[:, row]
        for frame in range(frames - 1, -1, -1):
            states[frame] = at
            at -= int(back[frame, at])
        spoken = text.words[states]
        heard = np.exp(self._stay[np.arange(frames), row, states])
        inside = np.flatnonzero(spoken >= 0)
        owners = spoken[inside]
        first, after = np.full(count, -1, np.int32), np.full(count, -1, np.int32)
        first[owners[::-1]] = inside[::-1]
        after[owners] = inside + 1
        total = np.bincount(owners, heard[inside], count)
        number = np.maximum(np.bincount(owners, minlength=count), 1)
        return WordFrames(first, after, (total / number).astype(np.float32))


def _emissions(probs: Float32, letters: Int32, alphabet: Alphabet) -> tuple[Float32, Float32]:
    """Log probabilities (frames, letters) of beginning a letter in a frame, and of continuing it.

    A letter may continue in silence, but must be heard to begin. A gap is silence or the delimiter.
    """
    blank = probs[:, alphabet.blank, None]
    gap = blank if alphabet.delimiter is None else probs[:, alphabet.delimiter, None]
    enter = probs[:, np.maximum(letters, 0)]
    if (letters == ANY).any():
        kept = np.ones(probs.shape[1], bool)
        kept[[alphabet.blank, *([] if alphabet.delimiter is None else [alphabet.delimiter])]] = (
            False
        )
        enter[:, letters == ANY] = probs[:, kept].max(axis=1, keepdims=True) - _ANY_PENALTY
    enter[:, letters == GAP] = gap
    return enter, np.maximum(enter, blank)
