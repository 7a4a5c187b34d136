"""The usual way to cut a video to its people: MoviePy and facenet-pytorch, frame by frame.

    PEER_PYTHON benchmarks/face_old_way.py OUT PRESET CRF VIDEO...

One process, one frame after the other, as such programs are written: `get_frame`, MTCNN as it
comes, each face cut out to 250 x 250, `write_videofile`. Needs its own environment
(`pip install facenet-pytorch==2.5.3 moviepy torch==2.8.0 torchvision==0.23.0`) and nothing of
Reelmill. Writes OUT/NAME/person-N.mp4 with sound and OUT/NAME.mot.txt. Persons are faces that
overlap from one frame to the next: embeddings, whose weights are a download, are spared it, which
makes it faster and splits persons at cuts.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
from facenet_pytorch import MTCNN
from moviepy import ImageSequenceClip, VideoFileClip, concatenate_audioclips
from PIL import Image

SIZE = 250
_FACE_SHARE = 0.45  # of the clip's height, as ours
_SAME = 0.3
_PATIENCE = 12  # frames
_LEAST_FRAMES = 10


class Person:
    """A face followed: `boxes` by frame, and the pictures cut out."""

    def __init__(self) -> None:
        self.boxes: dict[int, Any] = {}
        self.pictures: list[Any] = []

    def add(self, frame: int, box: Any, picture: Any) -> None:
        self.boxes[frame] = box
        self.pictures.append(cut_out(picture, box))

    @property
    def last(self) -> int:
        return next(reversed(self.boxes))


def main(out: Path, encoding: list[str], videos: list[Path]) -> None:
    detector = MTCNN(keep_all=True, device="cpu")
    for video in videos:
        with VideoFileClip(str(video)) as clip:
            persons = [p for p in followed(clip, detector) if len(p.boxes) >= _LEAST_FRAMES]
            folder = out / video.stem
            folder.mkdir(parents=True, exist_ok=True)
            for number, person in enumerate(persons, start=1):
                write(clip, person, folder / f"person-{number}.mp4", encoding)
            write_mot(out / f"{video.stem}.mot.txt", persons)


def followed(clip: Any, detector: Any) -> list[Person]:
    """All faces of all frames."""
    persons: list[Person] = []
    for frame in range(round(clip.duration * clip.fps)):
        picture = clip.get_frame(frame / clip.fps)
        boxes, _ = detector.detect(Image.fromarray(picture))
        near = [p for p in persons if frame - p.last <= _PATIENCE]
        for box in [] if boxes is None else boxes:
            shares = [overlap(box, p.boxes[p.last]) if p.last < frame else 0.0 for p in near]
            if shares and max(shares) >= _SAME:
                person = near[int(np.argmax(shares))]
            else:
                person = Person()
                persons.append(person)
            person.add(frame, box, picture)
    return persons


def overlap(one: Any, other: Any) -> float:
    """Intersection over union."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    common = max(0.0, width) * max(0.0, height)
    whole = sum((b[2] - b[0]) * (b[3] - b[1]) for b in (one, other)) - common
    return float(common / whole)


def cut_out(picture: Any, box: Any) -> Any:
    """The square around a face, scaled."""
    height, width = picture.shape[:2]
    side = min((box[3] - box[1]) / _FACE_SHARE, width, height)
    left = min(max((box[0] + box[2] - side) / 2, 0), width - side)
    top = min(max((box[1] + box[3] - side) / 2, 0), height - side)
    square = picture[int(top) : int(top + side), int(left) : int(left + side)]
    return np.asarray(Image.fromarray(square).resize((SIZE, SIZE), Image.Resampling.BILINEAR))


def write(clip: Any, person: Person, path: Path, encoding: list[str]) -> None:
    """The person's pictures with the sound of the same frames."""
    frames = np.array(list(person.boxes))
    made = ImageSequenceClip(person.pictures, fps=clip.fps)
    if clip.audio is not None:
        runs = np.split(frames, np.flatnonzero(np.diff(frames) > 1) + 1)
        sounds = [
            clip.audio.subclipped(run[0] / clip.fps, (run[-1] + 1) / clip.fps) for run in runs
        ]
        made = made.with_audio(concatenate_audioclips(sounds))
    preset, crf = encoding
    made.write_videofile(
        str(path),
        codec="libx264",
        preset=preset,
        ffmpeg_params=["-crf", crf],
        audio_codec="aac",
        logger=None,
    )


def write_mot(path: Path, persons: list[Person]) -> None:
    """The boxes as MOT Challenge text."""
    lines = []
    for identity, person in enumerate(persons, start=1):
        for frame, box in person.boxes.items():
            x, y, width, height = box[0], box[1], box[2] - box[0], box[3] - box[1]
            row = f"{frame + 1},{identity},{x:g},{y:g},{width:g},{height:g},1,-1,-1,-1"
            lines.append((frame, identity, row))
    path.write_text("".join(f"{row}\n" for _, _, row in sorted(lines)))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:4], [Path(name) for name in sys.argv[4:]])
