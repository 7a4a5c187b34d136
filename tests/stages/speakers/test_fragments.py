from __future__ import annotations

import numpy as np

from reelmill.stages.speakers.clustering import ClusteringOptions, cluster

VALUES = 192


def stretches(voice: np.ndarray, count: int, seed: int, similar: float = 0.7) -> np.ndarray:
    """Stretches of one voice, of this mean similarity to it, give or take 0.09 as real ones are."""
    rng = np.random.default_rng(seed)
    to_voice = np.clip(rng.normal(similar, 0.09, (count, 1)), 0, 1)
    noise = np.sqrt((1 - to_voice**2) / VALUES) * rng.normal(size=(count, VALUES))
    made = to_voice * voice / np.linalg.norm(voice) + noise
    return made / np.linalg.norm(made, axis=1, keepdims=True)


def axis(*parts: float) -> np.ndarray:
    return np.pad(np.array(parts, float), (0, VALUES - len(parts)))


def people(*groups: np.ndarray, seed: int = 9) -> tuple[int, list[int]]:
    """How many people are found when the stretches of the groups, of 2 s each, take turns, and for
    how many stretches of each group the person is nobody's of the groups before."""
    made = np.concatenate(groups).astype(np.float32)
    group = np.repeat(np.arange(len(groups)), [len(one) for one in groups])
    order = np.random.default_rng(seed).permutation(len(made))
    found = cluster(made[order], np.full(len(made), 2.0, np.float32), ClusteringOptions())
    labels = [found[group[order] == one] for one in range(len(groups))]
    usual = [np.bincount(one).argmax() for one in labels]
    return len(set(found.tolist())), [
        int(np.isin(one, usual[:index], invert=True).sum()) for index, one in enumerate(labels)
    ]


# proves: V5
def test_a_sentence_in_another_tone_is_nobody_else_in_half_an_hour() -> None:
    """As similar to the person's voice as the most dissimilar of the other stretches."""
    found, apart = people(
        stretches(axis(1), 700, 1),
        stretches(axis(0.6, 0.8), 12, 2),
        stretches(axis(0, 0, 1), 90, 3),
    )
    assert found == 2 and apart[1] == 0


# proves: V5
def test_somebody_heard_for_half_a_minute_in_half_an_hour_is_somebody() -> None:
    found, apart = people(
        stretches(axis(1), 400, 1),
        stretches(axis(0, 1), 300, 2),
        stretches(axis(0.2, 0.2, 1), 14, 3),
    )
    assert found == 3 and apart[2] == 14


# proves: V5
def test_two_people_at_once_are_not_a_third() -> None:
    one, other = axis(1), axis(0, 1)
    found, _ = people(
        stretches(one, 400, 1), stretches(other, 300, 2), stretches(one + other, 20, 3)
    )
    assert found == 2


def test_a_given_least_number_of_people_is_kept() -> None:
    made = np.concatenate([stretches(axis(1), 300, 1), stretches(axis(0.6, 0.8), 12, 2)])
    seconds = np.full(len(made), 2.0, np.float32)
    options = ClusteringOptions(min_speakers=2)
    assert cluster(made.astype(np.float32), seconds, options).max() + 1 == 2
    assert cluster(made.astype(np.float32), seconds, ClusteringOptions()).max() + 1 == 1
