"""Compare our alignment of faces, by MTCNN's five points, with dlib's own, by its predictor.

    tar xzf face_recognition_models-0.3.0.tar.gz
    pip install dlib-bin pillow reelmill
    python training/faces/align_dlib.py face_recognition_models-0.3.0 PICTURES --json RESULT

PICTURES is a folder of pictures of people. Every face found by both dlib's detector and MTCNN is
cut out by both. The script prints the positions of MTCNN's points in dlib's pictures (`TEMPLATE` in
`reelmill/models/faces/dlib.py`), for each half of the files, and the distance between the two
vectors of each face: below 0.6, dlib takes two vectors for one person's. With PAIRS, a CSV file of
`file_x, file_y, Decision` (Yes or No) about those files, it also compares which pairs both take for
one person.
"""

from __future__ import annotations

import argparse
import csv
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dlib
import numpy as np
from PIL import Image, ImageOps

from reelmill.engine.stage import Device
from reelmill.models.faces.boxes import overlaps
from reelmill.models.faces.dlib import TEMPLATE, aligned, shipped, similarity
from reelmill.models.faces.mtcnn import MtcnnSpec

MODELS = Path("face_recognition_models/models")
PREDICTOR, NETWORK = (
    "shape_predictor_5_face_landmarks.dat",
    "dlib_face_recognition_resnet_model_v1.dat",
)
SUFFIXES = {".jpg", ".jpeg", ".png"}
LONGEST, RIM, SIDE, PADDING, SAME_FACE = 1024, 0.15, 150, 0.25, 0.3


@dataclass
class Seen:
    """A face that both found: its file, area, picture as each cuts it out, and MTCNN's points in
    dlib's picture."""

    file: str
    area: float
    dlibs: np.ndarray
    ours: np.ndarray
    points: np.ndarray


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("package", type=Path, help="face-recognition-models, unpacked")
    parser.add_argument("pictures", type=Path)
    parser.add_argument("--pairs", type=Path, help="CSV of file_x, file_y, Decision")
    parser.add_argument("--json", type=Path, help="write the figures here")
    options = parser.parse_args()
    models = options.package / MODELS
    files = sorted(p for p in options.pictures.rglob("*") if p.suffix.lower() in SUFFIXES)
    faces = [face for file in files for face in seen_in(file, str(models / PREDICTOR))]
    network = dlib.face_recognition_model_v1(str(models / NETWORK))
    dlibs = np.array([network.compute_face_descriptor(face.dlibs) for face in faces])
    session = shipped().load(Device("cpu"), 1)
    pictures = np.stack([face.ours for face in faces])
    (ours,) = session._network.run(["descriptors"], {"pictures": pictures})
    away = np.linalg.norm(ours - dlibs, axis=1)
    halves = [np.median([f.points for f in faces[half::2]], axis=0).round(1) for half in (0, 1)]
    result = {
        "faces": len(faces),
        "template": TEMPLATE.tolist(),
        "medians, either half": [half.tolist() for half in halves],
        "away from dlib's": {
            "median": round(float(np.median(away)), 3),
            "95 %": round(float(np.percentile(away, 95)), 3),
            "most": round(float(away.max()), 3),
        },
    }
    if options.pairs:
        pairs = known_pairs(options.pairs, faces)
        embedded = session.embed(pictures)
        result["pairs"] = {
            "one person": int(pairs[:, 2].sum()),
            "two": int((1 - pairs[:, 2]).sum()),
            "dlib, at 0.6": mistakes(pairs, dlibs, lambda a, b: np.linalg.norm(a - b) < 0.6),
            f"ours, at {shipped().threshold}": mistakes(
                pairs, embedded, lambda a, b: a @ b >= shipped().threshold
            ),
        }
    print(json.dumps(result, indent=1))
    if options.json:
        options.json.write_text(json.dumps(result, indent=1) + "\n")


def seen_in(file: Path, predictor: str) -> list[Seen]:
    """The faces of a picture that both detectors find."""
    picture = ImageOps.exif_transpose(Image.open(file)).convert("RGB")
    picture.thumbnail((LONGEST, LONGEST))
    rim = round(RIM * max(picture.size))
    frame = np.pad(np.asarray(picture), ((rim, rim), (rim, rim), (0, 0)), mode="edge")
    (found,) = MTCNN.look([frame])
    predict = dlib.shape_predictor(predictor)
    faces = []
    for box in dlib.get_frontal_face_detector()(frame, 1):
        corners = np.array([[box.left(), box.top(), box.right(), box.bottom()]], np.float32)
        shared = overlaps(corners, found.boxes)[0] if len(found) else np.zeros(1)
        if shared.max() < SAME_FACE:
            continue
        shape = predict(frame, box)
        chip = dlib.get_face_chip(frame, shape, size=SIDE, padding=PADDING)
        landmarks = found.landmarks[int(shared.argmax())]
        own = np.array([(p.x, p.y) for p in shape.parts()], np.float64)
        factor, shift = similarity(own, DLIBS_POINTS)
        places = factor * (landmarks[:, 0] + 1j * landmarks[:, 1]) + shift
        (ours,) = aligned(frame, landmarks[None], TEMPLATE, SIDE)
        points = np.stack([places.real, places.imag], axis=1)
        faces.append(Seen(file.name, float(box.area()), chip, ours, points))
    return faces


def known_pairs(path: Path, faces: list[Seen]) -> np.ndarray:
    """Rows: the largest face of one file, that of another, and whether they are one person."""
    largest: dict[str, int] = {}
    for place, face in enumerate(faces):
        if face.file not in largest or face.area > faces[largest[face.file]].area:
            largest[face.file] = place
    rows = []
    with path.open() as file:
        for row in csv.DictReader(file):
            if row["file_x"] in largest and row["file_y"] in largest:
                one, other = largest[row["file_x"]], largest[row["file_y"]]
                rows.append((one, other, row["Decision"] == "Yes"))
    return np.array(rows, np.int64)


def mistakes(pairs: np.ndarray, vectors: np.ndarray, same: Any) -> dict[str, int]:
    """How often one person was taken for two, and two people for one."""
    said = np.array([bool(same(vectors[one], vectors[other])) for one, other, _ in pairs])
    true = pairs[:, 2].astype(bool)
    return {"missed": int((true & ~said).sum()), "confused": int((~true & said).sum())}


MTCNN = MtcnnSpec().load(Device("cpu"), 1)
#: Where dlib lays its own five points: corners of the eyes, and below the nose (its documentation,
#: `get_face_chip_details`), with the padding around them.
DLIBS_POINTS = SIDE * (
    (
        np.array(
            [
                [0.8596, 0.2135],
                [0.6461, 0.2290],
                [0.1206, 0.2137],
                [0.3341, 0.2291],
                [0.4901, 0.6278],
            ]
        )
        + PADDING
    )
    / (1 + 2 * PADDING)
)

if __name__ == "__main__":
    main()
