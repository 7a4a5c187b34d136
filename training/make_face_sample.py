"""Make the sample video of `reelmill demo`: three people in shots, with sound and known truth.

    python -m training.make_face_sample

Needs scikit-image and matplotlib, whose pictures of people it animates. The first frame of each
second flashes as the sound clicks, so that anybody can hear and see whether clips are in step.
"""

from __future__ import annotations

from pathlib import Path

import reelmill
from synthetic.videos import Script, Truth, make_video

FOLDER = Path(reelmill.__file__).parent / "assets" / "people"
NAME = "세 사람 three people.mp4"

SCRIPT = Script(
    seconds=22,
    width=640,
    height=360,
    persons=3,
    sizes=(48, 110),
    shot_seconds=(2.5, 4.5),
    flashes=True,
    seed=7,
    bit_rate=600_000,
)


def make(folder: Path) -> Truth:
    """Write the video, and its truth into `truth/`."""
    return make_video(folder / NAME, SCRIPT, folder / "truth" / f"{NAME}.json")


if __name__ == "__main__":
    made = make(FOLDER)
    size = (FOLDER / NAME).stat().st_size
    print(f"{FOLDER / NAME}: {size:,} bytes, {len(made.cuts) + 1} shots of {made.names}")
