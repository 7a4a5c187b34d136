"""The page of a video as a browser shows it from the disk: lines of the right colours at the right
times, and clips that play when they are clicked."""

from __future__ import annotations

import html
import io
import json
import re
import shlex
import shutil
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from reelmill.artifacts import (
    Clip,
    HeardPersons,
    HeardVoice,
    Persons,
    Shot,
    Span,
    Still,
    read_persons,
)
from reelmill.core.palette import person_colour
from reelmill.export.faces.writers import FacesDocument
from reelmill.export.names import SpeakerName, parse_names
from reelmill.export.source import Source
from reelmill.pages.faces import FacesPage
from tests.browser import looked_at
from tests.media.films import film
from tests.stages.faces.people import persons_of

pytestmark = pytest.mark.skipif(shutil.which("chromium") is None, reason="needs chromium")

FLAGS = [
    "--allow-file-access-from-files",
    "--window-size=1000,700",
]
#: What a user does on the page: a name is changed, a scene and a lane are clicked; the title tells.
USE = """<script>
const told = [];
const lane = (row, share) => {
  const one = document.querySelectorAll(".row")[row].querySelector(".voice");
  const box = one.getBoundingClientRect();
  one.dispatchEvent(new MouseEvent("click",
    { bubbles: true, cancelable: true, clientX: box.left + share * box.width }));
};
const field = document.querySelectorAll(".row b")[1];
field.textContent = "O'Neil, Kim=";
field.dispatchEvent(new FocusEvent("blur"));  // a window without focus sends none by itself
told.push(document.querySelector("#keep.open code").textContent, Object.values(localStorage)[0]);
lane(2, 0.55);
told.push(document.querySelector("#player.open p").textContent);
const video = document.querySelector("video");
video.addEventListener("loadeddata", () => {
  document.title = [...told, decodeURIComponent(video.getAttribute("src")),
    video.currentTime.toFixed(1),
    Math.max(0, document.documentElement.scrollWidth - innerWidth)].join(" | ");
});
document.querySelectorAll(".scenes button")[1].click();
</script>"""
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
    printed, logged = looked_at(tmp_path, *FLAGS, *options, page.as_uri())
    assert [line for line in logged.splitlines() if "CONSOLE" in line] == []
    return printed


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


def test_a_click_plays_the_clip_from_that_moment(page: Path, tmp_path: Path) -> None:
    # proves: F7
    page.write_text(page.read_text(encoding="utf-8") + CLICK, encoding="utf-8")
    shown = browser(tmp_path, page, "--dump-dom")
    # the middle of 6 to 10 s, of which the clip's first 2 s are not
    title = re.search("<title>(.*)</title>", shown)
    assert title and title[1] == "playing 160 at 4.0 overflow 0"


def heard(persons: Persons, unseen: list[HeardVoice]) -> HeardPersons:
    kept = {one.name: getattr(persons, one.name) for one in fields(Persons)}
    return HeardPersons(**kept, speaking_by="lr-asd", unseen=unseen, diarizer="networks")


def still(start: float, end: float, hue: str) -> tuple[Still, bytes]:
    data = io.BytesIO()
    Image.new("RGB", (192, 108), hue).save(data, "JPEG")
    return Still(start, end, start + 0.5, "still.jpg"), data.getvalue()


def talk_page(folder: Path, people: int) -> Path:
    """A page of a talk of so many people, of whom each speaks in turn, and of a voice off."""
    times = [i / 5 for i in range(50)]
    seen = {
        f"P{n}": {i: (30.0 + 4 * n, 60.0) for i in range(50) if (i + n) % 50 < 40}
        for n in range(people)
    }
    persons = persons_of(folder, times, seen, size=(320, 240), cuts=(4.0,))
    for number, person in enumerate(persons.persons):
        start = 10 * number / people
        person.speaking = [Span(start, start + 8 / people)]
        person.heard = [Span(start, start + 10 / people)]
    talk = heard(persons, [HeardVoice("Z", [Span(5, 6)])])
    shots = [Shot(0, 4, ["P0"]), Shot(4, 10, [])]
    path = "talk.follow-9x16.mp4"
    film(folder / path, [i / 25 for i in range(150)], size=(90, 160))
    clip = Clip(path, ["P0"], [Span(0, 4.5), Span(8, 9.5)], 150, 6.0, True, "x264", shots)
    source = Source("it's a talk.mp4", "1" * 64, "0" * 32, 9, 0)
    stills = [still(0.0, 4.0, "teal"), still(4.0, 10.0, "maroon")]
    arrays = read_persons(folder, persons)
    document = FacesDocument(talk, arrays, source, [clip], stills=stills)
    page = folder / "talk.faces.html"
    page.write_text(FacesPage("talk").render(document), encoding="utf-8")
    return page


def test_the_page_has_names_scenes_and_voices(tmp_path: Path) -> None:
    # proves: F7 F8
    page = talk_page(tmp_path, 2)
    page.write_text(page.read_text(encoding="utf-8") + USE, encoding="utf-8")
    shown = browser(tmp_path, page, "--dump-dom")
    title = re.search("<title>(.*)</title>", shown)
    assert title
    command, kept, off, file, at, overflow = html.unescape(title[1]).split(" | ")
    (names,) = shlex.split(command.removeprefix("--names "))
    assert parse_names([names]) == (SpeakerName("P1", "O'Neil Kim", "it's a talk.mp4"),)
    assert off == "No clip shows 00:05. Open the video to play it."
    assert (file, at, overflow) == ("talk.follow-9x16.mp4", "4.0", "0")
    assert json.loads(kept) == {"P1": "O'Neil Kim"}, "kept in the browser"


@pytest.mark.parametrize("people", [1, 40])
def test_the_page_fits_one_and_forty_persons(tmp_path: Path, people: int) -> None:
    # proves: F7
    page = talk_page(tmp_path, people)
    overflow = "Math.max(0, document.documentElement.scrollWidth - innerWidth)"
    script = f"<script>document.title = {overflow}</script>"
    page.write_text(page.read_text(encoding="utf-8") + script, encoding="utf-8")
    picture = tmp_path / "page.png"
    shown = browser(tmp_path, page, "--dump-dom", "--window-size=420,900")
    assert "<title>0</title>" in shown
    assert shown.count('data-person="') == people and shown.count('class="speaks"') == people + 1
    browser(tmp_path, page, f"--screenshot={picture}", "--window-size=1000,2600")
    pixels = np.asarray(Image.open(picture).convert("RGB")).astype(int)
    hue = [int(person_colour(0)[i : i + 2], 16) for i in (1, 3, 5)]
    lane = np.flatnonzero((np.abs(pixels - hue).max(axis=2) < 12)[:, 330:].sum(axis=1) > 20)
    assert len(lane), "the first one's lane is to be seen"
