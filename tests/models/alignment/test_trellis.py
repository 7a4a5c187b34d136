"""The best path: compared with trying every path there is."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from reelmill.models.alignment.spelling import ANY, Alphabet
from reelmill.models.alignment.trellis import GAP, align, spell_words

BLANK, DELIMITER = 0, 1
ALPHABET = Alphabet({"a": 2, "b": 3, "c": 4}, BLANK, DELIMITER, 5)


def random_probs(rng: np.random.Generator, frames: int) -> np.ndarray:
    logits = rng.normal(0, 2, (frames, 5))
    return (logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))).astype(np.float32)


def cost(probs: np.ndarray, letters: list[int], states: tuple[int, ...]) -> float:
    """Log probability of a way through the letters; -inf if it is none."""
    total = 0.0
    for frame, state in enumerate(states):
        before = states[frame - 1] if frame else None
        letter = letters[state]
        if letter == GAP:
            heard = begun = probs[frame, DELIMITER]
        else:
            begun = probs[frame, letter]
            heard = begun
        stay = max(heard, probs[frame, BLANK])
        if before is None:
            if state > 1:
                return -np.inf
            total += stay if state == 0 else begun
        elif state == before:
            total += stay
        elif state == before + 1 or (state == before + 2 and letters[before + 1] == GAP):
            total += begun
        else:
            return -np.inf
    return total if states[-1] >= len(letters) - 2 else -np.inf


def exhaustive(probs: np.ndarray, letters: list[int]) -> float:
    ways = product(range(len(letters)), repeat=len(probs))
    return max(cost(probs, letters, states) for states in ways)


def cost_of_words(probs: np.ndarray, words: list[list[int]], first, after) -> float:
    """The best that can be had with the words in just those frames."""
    letters = [GAP]
    spans: list[int | None] = [None]
    for number, word in enumerate(words):
        letters += [*word, GAP]
        spans += [*[number] * len(word), None]
    best = -np.inf
    for states in product(range(len(letters)), repeat=len(probs)):
        inside = [spans[state] for state in states]
        frames = [
            [i for i, one in enumerate(inside) if one == number] for number in range(len(words))
        ]
        if all(
            one and one[0] == first[number] and one[-1] + 1 == after[number]
            for number, one in enumerate(frames)
        ):
            best = max(best, cost(probs, letters, states))
    return best


@pytest.mark.parametrize("seed", range(6))
def test_the_path_found_is_the_best_one(seed: int) -> None:
    # proves: V4
    rng = np.random.default_rng(seed)
    words = [[2], [3, 4]] if seed % 2 else [[2, 3]]
    probs = random_probs(rng, 5)
    (found,) = align([probs], [spell_words(words)], [len(words)], ALPHABET)
    letters = list(spell_words(words).letters)
    reached = cost_of_words(probs, words, found.first, found.after)
    assert reached == pytest.approx(exhaustive(probs, letters), abs=1e-4)


def test_a_batch_gives_the_same_as_one_by_one() -> None:
    # proves: V4 G2 G12
    rng = np.random.default_rng(0)
    sounds = [random_probs(rng, int(frames)) for frames in rng.integers(3, 60, 25)]
    counts = [min(len(sound) // 4, 6) for sound in sounds]
    texts = [spell_words(rng.integers(2, 5, (count, 3)).tolist()) for count in counts]
    together = align(sounds, texts, counts, ALPHABET)
    for sound, text, count, one in zip(sounds, texts, counts, together, strict=True):
        (alone,) = align([sound], [text], [count], ALPHABET)
        assert np.array_equal(alone.first, one.first) and np.array_equal(alone.after, one.after)
        assert np.allclose(alone.score, one.score)


def test_words_come_in_order_and_do_not_overlap() -> None:
    # proves: V4
    rng = np.random.default_rng(1)
    for _ in range(20):
        words = rng.integers(2, 5, (8, 2)).tolist()
        (found,) = align([random_probs(rng, 40)], [spell_words(words)], [8], ALPHABET)
        assert (found.first >= 0).all() and (found.after > found.first).all()
        assert (found.first[1:] >= found.after[:-1]).all() and found.after[-1] <= 40


def clear(*heard: int) -> np.ndarray:
    probs = np.full((len(heard), 5), 0.01)
    probs[np.arange(len(heard)), heard] = 0.96
    return np.log(probs).astype(np.float32)


def test_silence_between_words_belongs_to_neither_word() -> None:
    probs = clear(1, 2, 2, 1, 1, 3, 4, 1)
    (found,) = align([probs], [spell_words([[2], [3, 4]])], [2], ALPHABET)
    assert list(found.first) == [1, 5] and list(found.after) == [3, 7]
    assert found.score == pytest.approx([0.96, 0.96], abs=0.01)


def test_unknown_letters_are_placed_where_letters_are_heard() -> None:
    # proves: V4
    probs = clear(1, 2, 1, 4, 4, 1, 3, 1)
    (found,) = align([probs], [spell_words([[2], [ANY], [3]])], [3], ALPHABET)
    assert (found.first[1], found.after[1]) == (3, 5)


def test_more_letters_than_frames_have_no_path() -> None:
    texts = [spell_words([[2, 3, 4]]), spell_words([[2], []])]
    short, fine = align([clear(2, 3), clear(1, 2)], texts, [1, 2], ALPHABET)
    assert list(short.first) == [-1] and list(short.after) == [-1]
    assert list(fine.first) == [1, -1]
