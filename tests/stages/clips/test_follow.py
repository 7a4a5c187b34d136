"""A talk cut to whoever speaks, in several shapes from one pass, in step with its sound, and with
what is said in the picture.

# proves: F8 F4
"""

from __future__ import annotations

from dataclasses import fields, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from reelmill.artifacts import (
    Caption,
    CaptionWord,
    ClipPlan,
    HeardPersons,
    Persons,
    ScreenCaptions,
    Segment,
    Shot,
    Span,
    Transcript,
    Word,
)
from reelmill.engine.stage import Inputs
from reelmill.media.probe import probe
from reelmill.media.video.captions import Captioner
from reelmill.media.video.crop import black, planes
from reelmill.media.video.encode import Encoding
from reelmill.media.video.index import index_video
from reelmill.stages.clips.caption_cuts import cut_at_shots
from reelmill.stages.clips.captions import PlanCaptions
from reelmill.stages.clips.follow import PlanFollow
from reelmill.stages.clips.render import RenderFaces
from reelmill.stages.clips.write import WriteClips
from reelmill.testing import artifact_of
from tests.media.films import colours, film, heard, onsets
from tests.stages.faces.people import persons_of, recording_of

SIZE, SECONDS = (384, 256), 12
#: A face on the left is red, and one on the right has the picture's own colours.
LEFT, RIGHT = (70.0, 150.0), (310.0, 150.0)
FAST = Encoding(preset="ultrafast", quality=14)
SHAPES = (("9x16", (108, 192)), ("16x9", (192, 108)))


def talk_of(tmp_path: Path, first, second, *, right=RIGHT, seen=None) -> tuple:
    """A film of two people who speak at the times given, and what is known of them."""
    path = tmp_path / "talk.mp4"
    count = SECONDS * 25
    times = [i / 25 for i in range(count)]
    boxes = [(LEFT[0] - 20, LEFT[1] - 20, 40, 40)] * count
    film(path, times, size=SIZE, boxes=boxes, flashes=(1.0, 6.0, 11.0))
    recording = recording_of(path, tmp_path / "cache")
    frames = range(count) if seen is None else seen
    people = {"A": dict.fromkeys(frames, LEFT), "B": dict.fromkeys(frames, right)}
    persons = persons_of(recording.folder, times, people, size=SIZE)
    for person, spans in zip(persons.persons, (first, second), strict=True):
        person.speaking = person.heard = [Span(*span) for span in spans]
    kept = {one.name: getattr(persons, one.name) for one in fields(Persons)}
    heard_persons = HeardPersons(**kept, activity="persons.npz", speaking_by="lr-asd")
    return recording, [probe(path), index_video(path), heard_persons]


def cut(tmp_path: Path, recording, made, *more, shapes=SHAPES):
    made = [*made, *more]
    shown = (("layout", "follow"), ("shapes", tuple(name for name, _ in shapes)))
    stages = (PlanFollow(shapes), RenderFaces(FAST), WriteClips(tmp_path / "out", settings=shown))
    for stage in stages:
        made.append(artifact_of(stage, recording, Inputs(made)))
    return tmp_path / "out", made[-1]


def red_share(image: np.ndarray) -> float:
    pixels = image.astype(int)
    return float(((pixels[..., 0] > 150) & (pixels[..., 1] < 100)).mean())


def test_every_shape_shows_the_active_speaker_in_step_with_the_sound(tmp_path: Path) -> None:
    recording, made = talk_of(tmp_path, [(0, 4), (8, 12)], [(4.4, 7.6)])
    out, clips = cut(tmp_path, recording, made)
    assert [clip.path for clip in clips.clips] == ["talk.follow-9x16.mp4", "talk.follow-16x9.mp4"]
    for clip, (_, (width, height)) in zip(clips.clips, SHAPES, strict=True):
        assert [shot.persons for shot in clip.shots] == [["A"], ["B"], ["A"]]
        images = colours(out / clip.path)
        assert len(images) == SECONDS * 25 and images[0].shape == (height, width, 3)
        shares = [red_share(image) for image in images]
        borders = [round(shot.start * 25) for shot in clip.shots[1:]]
        for first, end, speaks in ((0, borders[0], 1), (*borders, 0), (borders[1], 300, 1)):
            assert all((share > 0.01) == speaks for share in shares[first:end]), "no mixed picture"
        assert borders[0] == pytest.approx(4.4 * 25, abs=5)
        assert borders[1] == pytest.approx(8.0 * 25, abs=5)
        assert onsets(heard(out / clip.path)) == pytest.approx([1.0, 6.0, 11.0], abs=0.04)
    claimed = WriteClips(tmp_path, settings=(("layout", "follow"), ("shapes", ("9x16",))))
    assert "talk.follow-9x16.mp4" in claimed.claims("talk")


def test_two_distant_people_who_both_speak_are_one_above_the_other(tmp_path: Path) -> None:
    recording, made = talk_of(tmp_path, [(0, 12)], [(0, 12)])
    out, clips = cut(tmp_path, recording, made, shapes=SHAPES[:1])
    (shot,) = clips.clips[0].shots
    assert shot.persons == ["A", "B"]
    image = colours(out / clips.clips[0].path)[100]
    assert red_share(image[:96]) > 0.02 and red_share(image[96:]) == 0


def test_people_near_each_other_are_in_one_window(tmp_path: Path) -> None:
    recording, made = talk_of(tmp_path, [(0, 4)], [(5, 9)], right=(130.0, 150.0))
    plan = artifact_of(PlanFollow(SHAPES[:1]), recording, Inputs(made))
    assert isinstance(plan, ClipPlan)
    (shot,) = plan.clips[0].shots
    assert shot.persons == ["A", "B"]
    with np.load(recording.folder / plan.file) as stored:
        assert len(stored["panes"]) == 1
        x, y, width, height = stored["windows"].T
    assert (x <= 50).all() and (x + width >= 150).all(), "both faces, whole"
    assert (x >= 0).all() and (y >= 0).all() and (y + height <= 256.1).all()
    assert width / height == pytest.approx(108 / 192, abs=1e-3)


def test_the_whole_picture_is_shown_if_nobody_is_seen(tmp_path: Path) -> None:
    recording, made = talk_of(tmp_path, [(0, 12)], [], seen=range(150))
    out, clips = cut(tmp_path, recording, made, shapes=SHAPES[:1])
    assert [(s.start, s.end, s.persons) for s in clips.clips[0].shots] == [
        (0, 6, ["A"]),
        (6, 12, []),
    ]
    image = colours(out / clips.clips[0].path)[200]
    tall = 108 * 256 // 384
    middle = image[(192 - tall) // 2 :][:tall]
    assert red_share(middle) > 0.01, "all of the picture is there"
    assert image[:20].mean() < 0.6 * middle.mean(), "over a darker copy of itself"


WORDS = [
    Word(1.0, 1.4, "Listen", 1, "aligned"),
    Word(1.5, 1.8, "to", 1, "aligned"),
    Word(1.9, 2.4, "me", 1, "aligned"),
]


def transcript(*segments: Segment, language: str = "en") -> Transcript:
    return Transcript(language, 1.0, "demo", 12.0, 12.0, list(segments))


def captions_of(recording, *segments: Segment) -> ScreenCaptions:
    made = artifact_of(PlanCaptions(), recording, Inputs([transcript(*segments)]))
    assert isinstance(made, ScreenCaptions)
    return made


def test_captions_are_short_and_follow_each_other(tmp_path: Path) -> None:
    recording, _ = talk_of(tmp_path, [], [])
    long = "when it rains as much as it did in the year before last nobody goes out at all"
    words = [
        Word(3 + i * 0.3, 3.2 + i * 0.3, text, 1, "aligned") for i, text in enumerate(long.split())
    ]
    found = captions_of(
        recording,
        Segment(1.0, 2.4, "Listen to me", 0, 0, 1, 0, WORDS, speaker="Kim"),
        Segment(3.0, words[-1].end, long, 0, 0, 1, 0, words, speaker="Lee"),
        Segment(10.0, 11.0, "no times", 0, 0, 1, 0),
    ).captions
    assert [[word.text for word in one.words] for one in (found[0], found[-1])] == [
        ["Listen", "to", "me"],
        ["no times"],
    ]
    assert " ".join(w.text for one in found[1:-1] for w in one.words) == long
    assert all(one.end <= other.start for one, other in pairwise(found))
    for one in found:
        lines = {word.line for word in one.words}
        assert len(lines) <= 2 and one.end - one.start <= 4
        for line in lines:
            assert len(" ".join(w.text for w in one.words if w.line == line)) <= 20


def test_the_spoken_word_has_another_colour(tmp_path: Path) -> None:
    recording, _ = talk_of(tmp_path, [], [])
    found = captions_of(recording, Segment(1.0, 2.4, "Listen to me", 0, 0, 1, 0, WORDS))
    captioner = Captioner(360, 640, found.captions)

    def yellow(time: float) -> tuple[float, int]:
        """Where the middle of the yellow letters is, and how many pixels have letters."""
        frame = black(360, 640)
        captioner.draw(frame, time)
        luma, blue, _ = planes(frame)
        columns = np.nonzero(blue < 90)[1]
        assert not (luma[: 640 // 2] > 100).any(), "nothing over the face"
        return (2 * float(columns.mean()) if len(columns) else -1.0), int((luma > 100).sum())

    first, second, third = (yellow(time) for time in (1.2, 1.6, 2.2))
    assert 0 < first[0] < second[0] < third[0] < 360
    assert first[1] > 500
    assert yellow(0.5) == yellow(2.6) == (-1.0, 0)


def test_captions_are_burned_into_the_clips(tmp_path: Path) -> None:
    recording, made = talk_of(tmp_path, [(0, 12)], [])
    segment = Segment(1.0, 2.4, "Listen to me", 0, 0, 1, 0, WORDS)
    shapes = (("1x1", (128, 128)),)
    drawn = captions_of(recording, segment)
    out, clips = cut(tmp_path, recording, made, drawn, shapes=shapes)
    yellow = []
    for image in colours(out / clips.clips[0].path):
        red, green, blue = np.moveaxis(image[70:110].astype(int), 2, 0)
        yellow.append(int(((red > 180) & (green > 150) & (blue < 130)).sum()))
    assert min(yellow[26:59]) > 7 and max([*yellow[:24], *yellow[62:]]) < 5


@pytest.mark.parametrize(
    ("persons", "cut", "shown"),
    [
        (["B"], 1.9, [(1.0, 1.9, "where is it")]),  # "it" begins before the cut
        (["B"], 1.75, [(1.0, 1.75, "where is it")]),  # and here in the next picture's first frames
        (["B"], 1.5, [(1.0, 1.5, "where is"), (1.8, 2.2, "it")]),  # it is said over the next face
        (["B"], 1.1, [(1.1, 2.2, "where is it")]),  # nothing flashes up before a cut
        (["A", "B"], 1.5, [(1.0, 2.2, "where is it")]),  # nobody left the picture
        ([], 1.5, [(1.0, 2.2, "where is it")]),  # the whole picture
        (["B"], 2.2, [(1.0, 2.2, "where is it")]),
    ],
)
def test_no_caption_stays_when_another_person_is_shown(
    persons: list[str], cut: float, shown: list[tuple[float, float, str]]
) -> None:
    words = [
        CaptionWord(start, start + 0.4, text, 0)
        for start, text in ((1.0, "where"), (1.4, "is"), (1.8, "it"))
    ]
    shots = [Shot(0.0, cut, ["A"]), Shot(cut, 9.0, persons)]
    found = cut_at_shots([Caption(1.0, 2.2, words)], shots)
    assert [(one.start, one.end, " ".join(w.text for w in one.words)) for one in found] == shown


def test_the_picture_after_a_cut_is_free_of_what_was_said_before_it(tmp_path: Path) -> None:
    recording, made = talk_of(tmp_path, [(0, 8)], [(8.1, 12)])
    words = [Word(7.0, 7.4, "Over", 1, "aligned"), Word(7.5, 8.4, "there", 1, "aligned")]
    segment = Segment(7.0, 8.4, "Over there", 0, 0, 1, 0, words)
    shapes = (("1x1", (128, 128)),)
    drawn = captions_of(recording, segment)
    out, clips = cut(tmp_path, recording, made, drawn, shapes=shapes)
    first, second = clips.clips[0].shots
    assert (first.persons, second.persons) == (["A"], ["B"]) and 7.6 < second.start < 8.4
    white = [
        int((image[70:110].min(axis=2) > 200).sum()) for image in colours(out / clips.clips[0].path)
    ]
    cut_at = round(second.start * 25)
    assert min(white[178:cut_at]) > 10 and max(white[cut_at : cut_at + 20]) < 5


def test_a_video_without_a_face_is_shown_whole_with_a_note(tmp_path: Path) -> None:
    recording, made = talk_of(tmp_path, [], [])
    nobody = replace(made[-1], persons=[])
    plan = artifact_of(PlanFollow(SHAPES), recording, Inputs([*made[:-1], nobody]))
    assert [shot.persons for clip in plan.clips for shot in clip.shots] == [[], []]
    assert [finding.label for finding in plan.summary().findings] == ["no faces"]
