"""The least work to cut a video to its people: decode, crop and encode, with known boxes.

    python -m benchmarks.face_floor OUT PRESET CRF WORKERS THREADS SOUND VIDEO...

WORKERS processes, each of which decodes with THREADS (0: as many as FFmpeg takes). SOUND is
`encoded`, as plain scripts do it, or `copied`, packet by packet. Encoding of pictures has one
thread: of pictures this small more are slower. The true boxes are read from VIDEO's truth (`.json`
beside it). Nothing is searched, checked, hashed, kept or reported. Writes OUT/NAME/PERSON.mp4 with
sound.
"""

from __future__ import annotations

import multiprocessing
import sys
from collections import defaultdict
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import av
import numpy as np

from reelmill.media.audio.copied import copy_sound
from reelmill.media.audio.cut import SoundCut, cut_sound
from reelmill.media.video.crop import Cropper, Window, planar_of
from reelmill.media.video.encode import TICKS, Colour, Encoding, VideoFile
from reelmill.media.video.index import index_video
from reelmill.media.video.join import PicturePiece, join_clip
from reelmill.media.video.reader import open_pictures
from synthetic.videos import CLEAR_SHARE, Truth, read_truth

SIZE = 250
_FACE_SHARE = 0.45
_PARTS = 4
#: By person: the window of each frame, and in which of its clip's pictures that is shown.
Windows = dict[int, dict[int, tuple[Window, int]]]


@dataclass(frozen=True)
class Part:
    """A stretch of a video for one worker: which boxes, from when to when."""

    video: Path
    truth: Truth
    start: float
    end: float
    folder: Path
    encoding: Encoding
    threads: int


def main(
    out: Path,
    encoding: Encoding,
    processes: tuple[int, int],
    videos: list[Path],
    *,
    copies_sound: bool,
) -> None:
    """`processes`: how many, and threads of each."""
    workers, threads = processes
    parts = []
    for video in videos:
        truth = read_truth(video.with_suffix(".json"))
        folder = out / video.stem
        folder.mkdir(parents=True, exist_ok=True)
        edges = _edges(video, truth.frames / truth.rate)
        for start, end in pairwise(edges):
            parts.append(Part(video, truth, start, end, folder, encoding, threads))
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        made = pool.map(cut, parts, chunksize=1)
        pieces: dict[tuple[Path, int], list[PicturePiece]] = defaultdict(list)
        for part, some in zip(parts, made, strict=True):
            for person, piece in some.items():
                pieces[part.video, person].append(piece)
        truths = {part.video: part.truth for part in parts}
        jobs = [
            (video, truths[video], person, out / video.stem, some, copies_sound)
            for (video, person), some in pieces.items()
        ]
        pool.starmap(finish, jobs, chunksize=1)


def _edges(video: Path, end: float) -> list[float]:
    keys = index_video(video).key_times
    wanted = np.linspace(0, end, _PARTS + 1)[1:-1]
    nearest = {min(keys, key=lambda key: abs(key - time)) for time in wanted}
    return sorted({0.0, *nearest, end})


def windows_of(truth: Truth) -> Windows:
    """What each person's clip shows."""
    windows: Windows = defaultdict(dict)
    for frame, person, (x, y, width, height), visible in zip(
        truth.frame, truth.person, truth.box, truth.visible, strict=True
    ):
        if visible >= CLEAR_SHARE:
            side = min(height / _FACE_SHARE, truth.width, truth.height)
            window = Window(x + (width - side) / 2, y + (height - side) / 2, side, side)
            windows[person][frame] = (window, len(windows[person]))
    return windows


def cut(part: Part) -> dict[int, PicturePiece]:
    """The pieces of all clips that a stretch of the video holds."""
    windows, rate = windows_of(part.truth), part.truth.rate
    files: dict[int, VideoFile] = {}
    pieces: dict[int, PicturePiece] = {}
    cropper = Cropper(SIZE, SIZE)
    step = TICKS // rate
    with open_pictures(part.video) as pictures:
        pictures.stream.codec_context.thread_count = part.threads
        pictures.stream.thread_type = "AUTO"
        for time, frame in pictures.between(part.start, part.end):
            for person, shown in windows.items():
                if (here := shown.get(round(time * rate))) is None:
                    continue
                window, place = here
                if person not in files:
                    path = part.folder / f"piece-{part.start:.2f}-{person}.mp4"
                    colour = Colour.of(frame)
                    files[person] = VideoFile(path, SIZE, SIZE, rate, part.encoding, colour)
                    pieces[person] = PicturePiece(path, place * step)
                picture = cropper.crop(planar_of(frame), window)
                files[person].write(picture, place * step, step)
    for file in files.values():
        file.close()
    return pieces


def finish(
    video: Path,
    truth: Truth,
    person: int,
    folder: Path,
    pieces: list[PicturePiece],
    copies_sound: bool,
) -> None:
    """Pieces and sound to a clip."""
    frames = np.array(list(windows_of(truth)[person]))
    runs = np.split(frames, np.flatnonzero(np.diff(frames) > 1) + 1)
    spans = tuple((run[0] / truth.rate, (run[-1] + 1) / truth.rate) for run in runs)
    sound = folder / f"sound-{person}.mp4"
    (copy_sound if copies_sound else cut_sound)(video, None, [SoundCut(sound, spans)])
    join_clip(folder / f"{truth.names[person]}.mp4", pieces, sound)
    for path in [sound, *(piece.path for piece in pieces)]:
        path.unlink()


if __name__ == "__main__":
    av.logging.set_level(av.logging.ERROR)
    main(
        Path(sys.argv[1]),
        Encoding("x264", sys.argv[2], int(sys.argv[3])),
        (int(sys.argv[4]), int(sys.argv[5])),
        [Path(name) for name in sys.argv[7:]],
        copies_sound=sys.argv[6] == "copied",
    )
