from __future__ import annotations

import numpy as np

from reelmill.stages.speakers.clustering import ClusteringOptions, cluster
from reelmill.stages.speakers.local_speakers import LocalPairs


def voices(people: int, each: int, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Noisy copies of `people` voices far from each other, one after the other."""
    rng = np.random.default_rng(seed)
    centres = np.eye(people, 64, dtype=np.float32)
    truth = np.tile(np.arange(people), each)
    made = centres[truth] + 0.04 * rng.normal(size=(len(truth), 64)).astype(np.float32)
    return made / np.linalg.norm(made, axis=1, keepdims=True), truth


def grouped(
    people: int, options: ClusteringOptions, each: int = 12
) -> tuple[np.ndarray, np.ndarray]:
    made, truth = voices(people, each)
    seconds = np.full(len(made), 3.0, np.float32)
    return cluster(made, seconds, options), truth


def same_groups(found: np.ndarray, truth: np.ndarray) -> bool:
    return len({*zip(found.tolist(), truth.tolist(), strict=True)}) == len(set(truth.tolist()))


# proves: V5
def test_the_number_of_speakers_is_found() -> None:
    for people in (1, 2, 4, 10):
        found, truth = grouped(people, ClusteringOptions())
        assert found.max() + 1 == people
        assert same_groups(found, truth)


# proves: V5
def test_a_given_number_of_speakers_is_kept() -> None:
    for wanted in (1, 3, 5):
        found, _ = grouped(4, ClusteringOptions(speakers=wanted))
        assert found.max() + 1 == wanted


def test_bounds_on_the_number_of_speakers_are_kept() -> None:
    assert grouped(4, ClusteringOptions(max_speakers=2))[0].max() + 1 == 2
    assert grouped(1, ClusteringOptions(min_speakers=2))[0].max() + 1 == 2


# proves: V5
def test_a_distinct_voice_with_little_speech_is_a_speaker() -> None:
    made, _ = voices(3, 10)
    seconds = np.full(len(made), 2.0, np.float32)
    few = np.array([0, 1, 3, 4, 6, 7, 9, 10, 12, 13, 2, 5])  # the third person twice
    found = cluster(made[few], seconds[few], ClusteringOptions())
    assert found.max() + 1 == 3
    assert found[-1] == found[-2] and found[-1] not in found[:-2]


def around(cosine: float, seed: int = 5) -> np.ndarray:
    """Twenty stretches of one voice that are this much alike, in 192 values as the encoder's."""
    rng = np.random.default_rng(seed)
    made = np.sqrt(cosine) * np.eye(1, 192) + np.sqrt((1 - cosine) / 192) * rng.normal(
        size=(20, 192)
    )
    return (made / np.linalg.norm(made, axis=1, keepdims=True)).astype(np.float32)


# proves: V5
def test_similarity_is_judged_relative_to_that_within_one_person() -> None:
    """On a noisy line, stretches of one person are as dissimilar as two people on a good one."""
    goes_on, seconds = np.arange(20) % 2 == 1, np.full(20, 2.0, np.float32)
    noisy = around(0.45)
    assert cluster(noisy, seconds, ClusteringOptions(), goes_on).max() + 1 == 1
    two = around(0.75)
    two[10:, 1] += 0.75
    two /= np.linalg.norm(two, axis=1, keepdims=True)
    assert 0.45 < np.mean(two[:10] @ two[10:].T) < 0.65
    found = cluster(two, seconds, ClusteringOptions(), goes_on)
    assert found.max() + 1 == 2 and same_groups(found, np.repeat([0, 1], 10))


def test_voices_from_little_speech_may_differ_more() -> None:
    """Two stretches in a voice 0.25 apart from the rest: long ones are of somebody else."""
    angle = np.arccos(1 - 0.25)
    made = np.zeros((20, 8), np.float32)
    made[:, 0], made[18:, 0], made[18:, 1] = 1.0, np.cos(angle), np.sin(angle)
    alike = np.arange(20) % 2 == 1
    apart = ClusteringOptions(start=1.05)
    assert cluster(made, np.full(20, 6.0, np.float32), apart, alike).max() + 1 == 2
    assert cluster(made, np.full(20, 1.1, np.float32), apart, alike).max() + 1 == 1


def similar_pair(each: int) -> np.ndarray:
    """Stretches of two people whose voices are nearly as much alike as one person's."""
    rng = np.random.default_rng(8)
    made = np.sqrt(0.445) * np.eye(1, 192) + np.sqrt(0.45 / 192) * rng.normal(size=(2 * each, 192))
    made[:each, 1] += np.sqrt(0.105)
    made[each:, 2] += np.sqrt(0.105)
    return (made / np.linalg.norm(made, axis=1, keepdims=True)).astype(np.float32)


# proves: V5
def test_similar_voices_are_told_apart_once_enough_is_heard_of_both() -> None:
    enough = cluster(similar_pair(16), np.full(32, 2.0, np.float32), ClusteringOptions())
    assert same_groups(enough, np.repeat([0, 1], 16)) and enough.max() + 1 == 2
    little = similar_pair(16)[:18]  # 4 s of the second
    assert cluster(little, np.full(18, 2.0, np.float32), ClusteringOptions()).max() + 1 == 1


def test_a_very_short_voice_is_not_a_speaker_of_its_own() -> None:
    made, _ = voices(2, 10)
    stray = np.zeros((1, 64), np.float32)
    stray[0, 0], stray[0, 40] = 0.6, 0.8
    made = np.concatenate([made, stray])
    seconds = np.full(len(made), 3.0, np.float32)
    seconds[-1] = 0.9
    found = cluster(made, seconds, ClusteringOptions())
    assert found.max() + 1 == 2
    assert found[-1] == found[0]


def test_no_speech_gives_no_speakers() -> None:
    none = np.zeros((0, 192), np.float32)
    assert len(cluster(none, np.zeros(0, np.float32), ClusteringOptions())) == 0


def test_a_long_recording_is_clustered_from_samples_of_all_its_parts() -> None:
    """The third person speaks only at the end."""
    made, truth = voices(3, 400)
    order = np.argsort(truth, kind="stable")
    found = cluster(made[order], np.full(len(made), 2.0, np.float32), ClusteringOptions())
    assert same_groups(found, truth[order]) and found.max() + 1 == 3


def with_answers(count: int, cosine: float, length: float = 0.45) -> np.ndarray:
    """One voice heard at length, and so many words of a voice that is this much like it."""
    long, _ = voices(1, 12)
    rng = np.random.default_rng(3)
    other = np.zeros(64, np.float32)
    other[:2] = cosine, np.sqrt(1 - cosine**2)
    words = other + 0.1 * rng.normal(size=(count, 64)).astype(np.float32)
    words /= np.linalg.norm(words, axis=1, keepdims=True)
    seconds = np.array([3.0] * 12 + [length] * count, np.float32)
    return cluster(np.concatenate([long, words]), seconds, ClusteringOptions())


# proves: V5
def test_who_only_says_a_word_now_and_then_is_somebody() -> None:
    found = with_answers(8, 0.1)
    assert len(set(found[:12])) == 1 and len(set(found[12:])) == 1 and found[0] != found[-1]


def test_short_words_that_sound_alike_are_of_who_speaks() -> None:
    assert set(with_answers(8, 0.7)) == {0}
    assert set(with_answers(3, 0.1)) == {0}, "too little to tell"


def test_sounds_too_short_to_tell_voices_apart_are_nobody() -> None:
    """Their embeddings are alike whoever speaks, and in half an hour there are many."""
    assert set(with_answers(60, 0.1, length=0.2)) == {0}


# proves: V5
def test_somebody_with_one_sentence_and_short_words_is_somebody() -> None:
    """The words are too short to be compared, but what they add to the one sentence counts."""
    made, truth = voices(2, 8)
    seconds = np.where(truth == 0, 2.0, 0.5).astype(np.float32)
    seconds[1] = 1.5
    assert same_groups(cluster(made, seconds, ClusteringOptions()), truth)
    without_words = (truth == 0) | (np.arange(len(truth)) == 1)
    alone = cluster(made[without_words], seconds[without_words], ClusteringOptions())
    assert alone.max() + 1 == 1


def test_speakers_told_apart_within_a_window_may_sound_alike() -> None:
    made, truth = similar_pair(12), np.repeat([0, 1], 12)
    few = np.concatenate([np.arange(5), np.arange(12, 17)])
    made, truth = made[few], truth[few]
    seconds = np.full(len(made), 2.0, np.float32)
    first, second = np.triu_indices(len(made), 1)
    differ = np.where(truth[first] == truth[second], 0.5, -2.4)
    told = LocalPairs(first, second, differ)
    assert cluster(made, seconds, ClusteringOptions()).max() + 1 == 1
    assert same_groups(cluster(made, seconds, ClusteringOptions(), None, told), truth)
    unsure = LocalPairs(first, second, np.full(len(first), 0.2))
    assert cluster(made, seconds, ClusteringOptions(), None, unsure).max() + 1 == 1
