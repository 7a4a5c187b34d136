"""The page of a video as a browser shows it from the disk: lines of the right colours at the right
times, and clips that play when they are clicked."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from reelmill.artifacts import Clip, Span, read_persons
from reelmill.core.palette import person_colour
from reelmill.export.faces.writers import FacesDocument
from reelmill.export.transcript import Source
from reelmill.pages.faces import FacesPage
from tests.browser import HEADLESS
from tests.media.films import film
from tests.stages.faces.people import persons_of

pytestmark = pytest.mark.skipif(shutil.which("chromium") is None, reason="needs chromium")

FLAGS = [
    *HEADLESS,
    "--allow-file-access-from-files",
    "--window-size=1000,700",
]
CLICK = """<script>
const bar = document.querySelectorAll(".row")[1].querySelectorAll(".time a")[1];
const box = bar.getBoundingClientRect();
const video = document.querySelector("video");
video.addEventListener("loadeddata", () => {
  document.title = "playing " + video.videoWidth + " at " + video.currentTime.toFixed(1)
    + " overflow " + Math.max(0, document.documentElement.scrollWidth - innerWidth);
});
bar.dispatchEvent(new MouseEvent("click",
  { bubbles: true, cancelable: true, clientX: box.left + box.width / 2 }));
</script>"""


def browser(tmp_path: Path, page: Path, *options: str) -> str:
    profile = f"--user-data-dir={tmp_path / 'profile'}"
    command = ["chromium", *FLAGS, profile, *options, page.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return done.stdout


@pytest.fixture
def page(tmp_path: Path) -> Path:
    """10 s in which A is seen all the time, and B from 0 to 2 and from 6 to 10 s."""
    times = [i / 5 for i in range(50)]
    everywhere = dict.fromkeys(range(50), (90.0, 60.0))
    away = {i: (30.0, 60.0) for i in range(50) if not 10 <= i < 30}
    persons = persons_of(tmp_path, times, {"A": everywhere, "B": away}, size=(320, 240))
    clips = []
    for label, spans in (("A", [Span(0, 10)]), ("B", [Span(0, 2), Span(6, 10)])):
        path = f"폴더/회의 #1?.clips/person {label}.mp4"
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        seconds = sum(span.duration for span in spans)
        film(tmp_path / path, [i / 25 for i in range(round(25 * seconds))], size=(160, 160))
        clips.append(Clip(path, [label], spans, 9, seconds, True, "x264"))
    source = Source("회의 #1?.mp4", "0" * 64, "0" * 32, 9, 0)
    document = FacesDocument(persons, read_persons(tmp_path, persons), source, clips)
    page = tmp_path / "폴더" / "회의 #1?.faces.html"
    page.write_text(FacesPage("폴더/회의 #1?").render(document), encoding="utf-8")
    return page


def test_lines_show_who_is_seen_when(page: Path, tmp_path: Path) -> None:
    # proves: F7
    picture = tmp_path / "page.png"
    browser(tmp_path, page, f"--screenshot={picture}")
    pixels = np.asarray(Image.open(picture).convert("RGB")).astype(int)
    widths = []
    for number in range(2):
        hue = [int(person_colour(number)[i : i + 2], 16) for i in (1, 3, 5)]
        alike = np.abs(pixels - hue).max(axis=2) < 12
        alike[:, :200] = False  # the frame around the face
        line = alike[int(alike.sum(axis=1).argmax())]
        columns = np.flatnonzero(line)
        widths.append((columns.min(), columns.max(), line.sum()))
    (left, right, all_of_it), (first, last, some_of_it) = widths
    assert right - left > 400 and all_of_it > 0.97 * (right - left)
    assert abs(first - left) <= 2 and abs(last - right) <= 2
    assert some_of_it == pytest.approx(0.6 * all_of_it, rel=0.03)


def test_a_click_plays_the_clip_from_there(page: Path, tmp_path: Path) -> None:
    # proves: F7
    page.write_text(page.read_text(encoding="utf-8") + CLICK, encoding="utf-8")
    shown = browser(tmp_path, page, "--dump-dom")
    # the middle of 6 to 10 s, of which the clip's first 2 s are not
    title = re.search("<title>(.*)</title>", shown)
    assert title and title[1] == "playing 160 at 4.0 overflow 0"
