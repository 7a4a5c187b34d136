"""Match the persons of a video with people known from pictures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from reelmill.core.arrays import Bool, Float32, Int64
from reelmill.core.vectors import distinct, unit


@dataclass(frozen=True)
class KnownFace:
    """A face in a reference picture: the person's name and the network's vector of unit length."""

    name: str
    vector: tuple[float, ...]


def named(
    persons: Int64,
    vectors: Float32,
    weights: Float32,
    apart: Bool,
    faces: tuple[KnownFace, ...],
    threshold: float,
) -> tuple[Int64, Mapping[int, tuple[str, float]]]:
    """Give persons the names of known people who look like them.

    Persons who get the same name become one, unless they are seen at the same time: then only the
    more similar one gets it.

    Args:
        persons: (n,) the person of each track.
        vectors: (n, d) of each track, of unit length.
        weights: (n,) the weight of each.
        apart: (n, n) whether two tracks are seen at the same time.
        faces: of the known people.
        threshold: cosine.

    Returns:
        The person of each track, and for each named person the name and the cosine to the nearest
        picture.
    """
    if not faces or not len(persons):
        return persons, {}
    numbers = distinct(persons)
    means = np.stack([_mean(vectors, weights, persons == number) for number in numbers])
    cosines = means @ np.array([face.vector for face in faces], np.float32).T
    result, names = persons.copy(), dict[int, tuple[str, float]]()
    holder: dict[str, int] = {}
    for place in np.argsort(-cosines, axis=None).tolist():
        row, column = divmod(place, len(faces))
        number, likeness = int(numbers[row]), float(cosines[row, column])
        if likeness < threshold:
            break
        if number in names or not (result == number).any():
            continue
        name = faces[column].name
        if name not in holder:
            holder[name] = number
            names[number] = (name, likeness)
        elif not apart[np.ix_(result == holder[name], result == number)].any():
            result[result == number] = holder[name]
    return result, names


def _mean(vectors: Float32, weights: Float32, rows: Bool) -> Float32:
    total = (vectors[rows] * weights[rows, None]).sum(axis=0, keepdims=True)
    mean: Float32 = unit(total.astype(np.float32))[0]
    return mean
