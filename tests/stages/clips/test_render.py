"""Films with people in known places, cut to these people: the right picture, in step with the
sound, for any kind of film."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from reelmill.artifacts import ClipPlan, Clips, Footage, Persons
from reelmill.engine.stage import Inputs
from reelmill.errors import InputError
from reelmill.media.probe import probe
from reelmill.media.video.encode import Encoding
from reelmill.media.video.index import index_video
from reelmill.stages.clips.plan import PlanClips
from reelmill.stages.clips.render import RenderFaces
from reelmill.stages.clips.write import WriteClips
from reelmill.testing import context_of
from tests.media.films import colours, film, heard, onsets, shown, turn
from tests.stages.faces.people import SIZE, carry_out, persons_of, recording_of

WIDTH, HEIGHT = 384, 256
FAST = Encoding(preset="ultrafast", quality=14)


def walk(frames: int, start: float, speed: float) -> dict[int, tuple[float, float]]:
    """Middles of a face that walks at a height where the red box is all of it that is seen."""
    return {i: (start + speed * i, 170.0) for i in range(frames)}


def boxes_of(tracks: dict[int, tuple[float, float]], frames: int):
    half = SIZE / 2
    return [
        (tracks[i][0] - half, tracks[i][1] - half, SIZE, SIZE) if i in tracks else None
        for i in range(frames)
    ]


def red(image: np.ndarray) -> np.ndarray:
    pixels = image.astype(int)
    return (pixels[..., 0] > 150) & (pixels[..., 1] < 100)


def middle_of_red(image: np.ndarray) -> tuple[float, float]:
    rows, columns = np.nonzero(red(image))
    return columns.mean() / image.shape[1], rows.mean() / image.shape[0]


@pytest.fixture(scope="module")
def walking(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Path, dict[int, tuple[float, float]]]:
    """15 s in which somebody walks, is away from 5 to 7 s, and flashes and clicks are seen."""
    track = {i: p for i, p in walk(375, 100, 0.4).items() if not 125 <= i < 175}
    path = tmp_path_factory.mktemp("films") / "회의 녹화.mp4"
    times = [i / 25 for i in range(375)]
    flashes = (1.0, 4.0, 8.0, 12.0, 14.0)
    film(path, times, size=(WIDTH, HEIGHT), boxes=boxes_of(track, 375), flashes=flashes)
    return path, track


def rendered(path: Path, folder: Path, track, *, plan: PlanClips, frames: int = 375, **more):
    recording = recording_of(path, folder / "cache")
    times = [i / 25 for i in range(frames)]
    persons = persons_of(recording.folder, times, {"A": track}, size=(WIDTH, HEIGHT), **more)
    out = folder / "out"
    *_, clips = carry_out(recording, persons, plan, RenderFaces(FAST), WriteClips(root=out))
    return out, clips


def test_clips_show_the_face_in_the_middle_and_sound_in_step(walking, tmp_path: Path) -> None:
    # proves: F4 F5
    out, clips = rendered(*[walking[0], tmp_path, walking[1]], plan=PlanClips(clip_seconds=0))
    assert [clip.path for clip in clips.clips] == ["회의 녹화.clips/person A.mp4"]
    path = out / clips.clips[0].path
    images = colours(path)
    assert images[0].shape == (250, 250, 3)
    assert len(images) == 325 == clips.clips[0].frames
    middles = np.array([middle_of_red(image) for image in images if red(image).sum() > 400])
    assert len(middles) > 300
    assert np.abs(middles - 0.5).max() < 0.06
    # 5 to 7 s are not in it: what was at 8, 12 and 14 s comes two seconds earlier.
    flashes = [1.0, 4.0, 6.0, 10.0, 12.0]
    lit = [time for time, luma in shown(path) if luma[-20:].mean() > 200]
    assert [t for t in lit if all(not 0 < t - other < 0.1 for other in lit)] == pytest.approx(
        flashes, abs=0.002
    )
    assert onsets(heard(path)) == pytest.approx(flashes, abs=0.02)


def test_ten_second_clips_follow_each_other_without_loss(walking, tmp_path: Path) -> None:
    # proves: F4
    out, clips = rendered(walking[0], tmp_path, walking[1], plan=PlanClips(clip_seconds=4))
    assert [Path(c.path).name for c in clips.clips] == [f"person A-00{n}.mp4" for n in (1, 2, 3)]
    assert [clip.frames for clip in clips.clips] == [100, 100, 125]
    found: list[float] = []
    begin = 0.0
    for clip in clips.clips:
        found += [begin + at for at in onsets(heard(out / clip.path))]
        begin += clip.seconds
    assert found == pytest.approx([1.0, 4.0, 6.0, 10.0, 12.0], abs=0.02)


def test_a_second_plan_removes_the_clips_of_the_first(walking, tmp_path: Path) -> None:
    out, _ = rendered(walking[0], tmp_path, walking[1], plan=PlanClips(clip_seconds=4))
    rendered(walking[0], tmp_path, walking[1], plan=PlanClips(clip_seconds=0))
    assert [p.name for p in (out / "회의 녹화.clips").iterdir()] == ["person A.mp4"]


@pytest.mark.parametrize("width, height", [(250, 444), (320, 180), (404, 720)])
def test_clips_of_other_shapes_are_rendered(
    walking, tmp_path: Path, width: int, height: int
) -> None:
    # proves: F4
    plan = PlanClips(layout="dual", width=width, height=height)
    out, clips = rendered(walking[0], tmp_path, walking[1], plan=plan)
    assert clips.clips[0].path == "회의 녹화.dual/person A.mp4"
    image = colours(out / clips.clips[0].path)[100]
    assert image.shape == (height, width, 3)
    assert middle_of_red(image)[0] == pytest.approx(0.5, abs=0.06)


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_clips_of_a_rotated_video_are_upright(tmp_path: Path, degrees: int) -> None:
    # proves: F4
    coded = [(180.0, 200.0)] * 50
    path = tmp_path / "phone.mp4"
    film(
        path,
        [i / 25 for i in range(50)],
        size=(WIDTH, HEIGHT),
        boxes=[(x - 30, y - 10, 60, 20) for x, y in coded],
    )
    turn(path, degrees)
    x, y = coded[0]
    upright = {
        90: ((HEIGHT - y, x), (HEIGHT, WIDTH)),
        180: ((WIDTH - x, HEIGHT - y), (WIDTH, HEIGHT)),
        270: ((y, WIDTH - x), (HEIGHT, WIDTH)),
    }[degrees]
    recording = recording_of(path, tmp_path / "cache")
    times = [i / 25 for i in range(50)]
    persons = persons_of(
        recording.folder,
        times,
        {"A": dict.fromkeys(range(50), upright[0])},
        size=upright[1],
        rotation=degrees,
    )
    plan = PlanClips(width=200, height=200, clip_seconds=0)
    out = tmp_path / "out"
    *_, clips = carry_out(recording, persons, plan, RenderFaces(FAST), WriteClips(root=out))
    image = colours(out / clips.clips[0].path)[20]
    assert middle_of_red(image) == pytest.approx((0.5, 0.5), abs=0.06)
    rows, columns = np.nonzero(red(image))
    lying = np.ptp(columns) > np.ptp(rows)
    assert lying == (degrees == 180)


def test_frames_of_variable_rate_keep_their_times(tmp_path: Path) -> None:
    # proves: F4
    random = np.random.default_rng(1)
    times = np.cumsum(random.choice([0.02, 0.04, 0.1, 0.3], 80)).round(3)
    times -= times[0]
    flash = float(times[40])
    path = tmp_path / "phone.mkv"
    place = [(150.0, 170.0)] * 80
    film(
        path,
        times.tolist(),
        size=(WIDTH, HEIGHT),
        boxes=boxes_of(dict(enumerate(place)), 80),
        flashes=(flash,),
        seconds=float(times[-1]) + 0.1,
    )
    recording = recording_of(path, tmp_path / "cache")
    persons = persons_of(
        recording.folder, times.tolist(), {"A": dict(enumerate(place))}, size=(WIDTH, HEIGHT)
    )
    out = tmp_path / "out"
    *_, clips = carry_out(
        recording, persons, PlanClips(clip_seconds=0), RenderFaces(FAST), WriteClips(root=out)
    )
    frames = shown(out / clips.clips[0].path)
    assert [time for time, _ in frames] == pytest.approx(times.tolist(), abs=0.002)
    lit = min(time for time, luma in frames if luma[-20:].mean() > 200)
    assert onsets(heard(out / clips.clips[0].path)) == pytest.approx([lit], abs=0.04)


@pytest.mark.parametrize(
    "more, size",
    [
        ({"sound": False}, (WIDTH, HEIGHT)),
        ({"pix_fmt": "yuv420p10le"}, (WIDTH, HEIGHT)),
        ({"pix_fmt": "yuv444p"}, (WIDTH + 1, HEIGHT + 1)),
        ({"interlaced": True}, (WIDTH, HEIGHT)),
    ],
    ids=["silent", "10 bit", "odd", "interlaced"],
)
def test_films_of_all_kinds_are_rendered(tmp_path: Path, more: dict, size: tuple[int, int]) -> None:
    # proves: F4 F6
    track = walk(60, 100, 1.0)
    path = tmp_path / "film.mp4"
    times = [i / 25 for i in range(60)]
    film(path, times, size=size, boxes=boxes_of(track, 60), **more)
    recording = recording_of(path, tmp_path / "cache")
    persons = persons_of(recording.folder, times, {"A": track}, size=size)
    out = tmp_path / "out"
    *_, clips = carry_out(recording, persons, PlanClips(), RenderFaces(FAST), WriteClips(root=out))
    (clip,) = clips.clips
    assert clip.has_sound == more.get("sound", True)
    images = colours(out / clip.path)
    assert len(images) == 60
    assert middle_of_red(images[30]) == pytest.approx((0.5, 0.5), abs=0.06)
    assert images[30][120:130, 120:130].reshape(-1, 3).mean(axis=0) == pytest.approx(
        (220, 30, 30), abs=25
    )


def two_people(tmp_path: Path, layout: str, **settings):
    """A is left all the time, B right but away from 2 to 4 s."""
    left = dict.fromkeys(range(150), (100.0, 170.0))
    right = {i: (280.0, 170.0) for i in range(150) if not 50 <= i < 100}
    times = [i / 25 for i in range(150)]
    path = tmp_path / "talk.mp4"
    film(path, times, size=(WIDTH, HEIGHT), boxes=boxes_of(left, 150), flashes=(1.0, 5.0))
    recording = recording_of(path, tmp_path / "cache")
    persons = persons_of(
        recording.folder,
        times,
        {"A": left, "B": right},
        size=(WIDTH, HEIGHT),
        names={"A": "김/민수"},
    )
    out = tmp_path / "out"
    plan = PlanClips(layout=layout, **settings)
    made = carry_out(recording, persons, plan, RenderFaces(FAST), WriteClips(root=out))
    return out, *made


def test_a_split_screen_has_two_halves_with_sound(tmp_path: Path) -> None:
    # proves: F4
    out, _, footage, clips = two_people(tmp_path, "split", width=480, height=270)
    assert isinstance(footage, Footage) and len(footage.pieces) == 2
    path = out / "talk.split.mp4"
    assert [clip.path for clip in clips.clips] == ["talk.split.mp4"]
    images = colours(path)
    assert len(images) == 150 and images[0].shape == (270, 480, 3)
    for number in (10, 75, 149):
        assert middle_of_red(images[number][:, :240]) == pytest.approx((0.5, 0.5), abs=0.05)
        assert red(images[number][:, 240:]).sum() == 0
    # B is away: as last seen, dimmed, also where a new part begins.
    for number in range(55, 95, 5):
        assert images[number][:, 250:].mean() < 0.6 * images[40][:, 250:].mean()
        assert images[number][:, 250:].mean() > 5
    assert onsets(heard(path)) == pytest.approx([1.0, 5.0], abs=0.02)


def test_dual_makes_a_video_for_each_of_two_persons(tmp_path: Path) -> None:
    # proves: F4
    out, _, _, clips = two_people(tmp_path, "dual", width=120, height=120)
    assert [clip.path for clip in clips.clips] == [
        "talk.dual/김_민수.mp4",
        "talk.dual/person B.mp4",
    ]
    assert [clip.frames for clip in clips.clips] == [150, 100]
    assert onsets(heard(out / clips.clips[1].path)) == pytest.approx([1.0, 3.0], abs=0.02)


def test_overlay_shows_boxes_and_names(tmp_path: Path) -> None:
    # proves: F4
    out, plan, *_ = two_people(tmp_path, "overlay")
    assert (plan.width, plan.height) == (WIDTH, HEIGHT)
    images = colours(out / "talk.overlay.mp4")
    green = images[30].astype(int)
    ink = (green[..., 1] > 130) & (green[..., 0] < 110) & (green[..., 2] < 130)
    rows, columns = np.nonzero(ink)
    assert abs(columns.min() - 80) <= 4 and abs(rows.max() - 190) <= 4
    blue = (green[..., 2] > 150) & (green[..., 0] < 120)
    assert np.nonzero(blue)[1].min() == pytest.approx(260, abs=4)
    away = images[75].astype(int)
    assert ((away[..., 2] > 150) & (away[..., 0] < 120)).sum() == 0


def test_data_files_and_page_are_beside_the_clips(tmp_path: Path) -> None:
    # proves: F3 F7
    out, _, _, clips = two_people(tmp_path, "single", clip_seconds=0)
    assert isinstance(clips, Clips)
    names = {Path(file.path).name for file in clips.documents}
    assert names == {"talk.faces.html", "talk.faces.json", "talk.faces.csv", "talk.mot.txt"}
    content = json.loads((out / "talk.faces.json").read_text())
    assert [len(person["boxes"]) for person in content["persons"]] == [150, 100]
    assert content["persons"][0]["boxes"][3] == [3, 0.12, 80.0, 150.0, 40.0, 40.0]
    assert content["clips"][1]["shows"] == [[0.0, 2.0], [4.0, 6.0]]
    page = (out / "talk.faces.html").read_text()
    assert page.count("data:image/jpeg;base64,") == 3, "two faces and a scene"
    assert "talk.clips/%EA%B9%80_" in page
    assert clips.summary().outputs[0] == "talk.faces.html"
    assert len(clips.summary().exported) == 6


def test_no_person_and_no_person_of_that_name_are_reported(walking, tmp_path: Path) -> None:
    # proves: F6
    recording = recording_of(walking[0], tmp_path / "cache")
    nobody = persons_of(recording.folder, [0.0, 0.04], {}, size=(WIDTH, HEIGHT))
    with pytest.raises(InputError, match=r"회의 녹화\.mp4: no face was found"):
        carry_out(recording, nobody, PlanClips())
    somebody = persons_of(recording.folder, [0.0, 0.04], {"A": walk(2, 9, 9)}, size=(WIDTH, HEIGHT))
    with pytest.raises(InputError, match=r"--target 철수; there are: A \(100%\)"):
        carry_out(recording, somebody, PlanClips(target="철수"))


def test_parts_are_always_the_same_with_separate_sound(walking, tmp_path: Path) -> None:
    # proves: F2
    recording = recording_of(walking[0], tmp_path / "cache")
    times = [i / 25 for i in range(375)]
    persons = persons_of(recording.folder, times, {"A": walking[1]}, size=(WIDTH, HEIGHT))
    (plan,) = carry_out(recording, persons, PlanClips())
    assert isinstance(plan, ClipPlan) and isinstance(persons, Persons)
    inputs = Inputs([probe(walking[0]), index_video(walking[0]), persons, plan])
    stage = RenderFaces(FAST)
    parts = stage.parts(context_of(recording), inputs)
    assert parts == stage.parts(context_of(recording), inputs)
    heard = [clip for part in parts for clip in part.clips]
    assert sorted(heard) == list(range(len(plan.clips)))
    assert not any(part.clips for part in parts if part.has_pictures)
    assert len(parts) >= 4


def test_sound_that_is_copied_is_read_in_one_pass(walking, tmp_path: Path) -> None:
    # proves: F5
    recording = recording_of(walking[0], tmp_path / "cache")
    times = [i / 25 for i in range(375)]
    persons = persons_of(recording.folder, times, {"A": walking[1]}, size=(WIDTH, HEIGHT))
    (plan,) = carry_out(recording, persons, PlanClips())
    assert isinstance(plan, ClipPlan) and len(plan.clips) > 1
    media, stage = probe(walking[0]), RenderFaces(FAST)
    assert [track.codec for track in media.audio] == ["aac"]

    def passes() -> int:
        inputs = Inputs([media, index_video(walking[0]), persons, plan])
        return sum(bool(part.clips) for part in stage.parts(context_of(recording), inputs))

    assert passes() == 1
    media.audio[0].codec = "mp3"  # is encoded, which uses several cores
    assert passes() == len(plan.clips)


def test_damage_of_the_sound_is_reported(tmp_path: Path) -> None:
    # proves: F6 G21
    path = film(tmp_path / "film.mkv", [i / 25 for i in range(100)], size=(WIDTH, HEIGHT))
    data = bytearray(path.read_bytes())
    with av.open(str(path)) as source:
        hit = [p.pos + 12 for p in source.demux(audio=0) if p.pos is not None][40:60]
    for at in hit:
        data[at : at + 8] = b"\xff" * 8
    path.write_bytes(data)
    recording = recording_of(path, tmp_path / "cache")
    times = [i / 25 for i in range(100)]
    people = {"A": walk(100, 100, 0.4)}
    persons = persons_of(recording.folder, times, people, size=(WIDTH, HEIGHT))
    _, footage = carry_out(recording, persons, PlanClips(), RenderFaces(FAST))
    (problem,) = footage.summary().findings
    assert problem.severity == "warning" and "left out of the clips" in problem.text


def square_in_wide_pixels(tmp_path: Path, layout: str, **settings):
    """A red square in pixels twice as wide as high, stored half as wide, and what is made of it."""
    track = dict.fromkeys(range(30), (80.0, 170.0))
    path = tmp_path / "talk.mp4"
    size, pixel = (WIDTH // 2, HEIGHT), Fraction(2)
    film(path, [i / 25 for i in range(30)], size=size, boxes=narrow(track, 30), pixel=pixel)
    recording = recording_of(path, tmp_path / "cache")
    times = [i / 25 for i in range(30)]
    persons = persons_of(recording.folder, times, {"A": track}, size=size)
    for row in (persons.persons[0].thumbnail,):
        row.width /= 2
    plan = PlanClips(layout=layout, **settings)
    out = tmp_path / "out"
    return out, *carry_out(recording, persons, plan, RenderFaces(FAST), WriteClips(root=out))


def narrow(track, frames: int):
    return [(x, y, w / 2, h) for x, y, w, h in boxes_of(track, frames)]


@pytest.mark.parametrize("layout", ["overlay", "single"])
def test_pixels_that_are_not_square_are_shown_in_their_shape(tmp_path: Path, layout: str) -> None:
    # proves: F4
    out, plan, *_ = square_in_wide_pixels(tmp_path, layout)
    if layout == "overlay":
        assert (plan.width, plan.height) == (WIDTH, HEIGHT)
    (path,) = out.rglob("*.mp4")
    rows, columns = np.nonzero(red(colours(path)[15]))
    width, height = np.ptp(columns) + 1, np.ptp(rows) + 1
    assert width / height == pytest.approx(1.0, abs=0.15)


def test_a_single_person_fills_the_split_screen(tmp_path: Path) -> None:
    # proves: F4 G21
    track = dict.fromkeys(range(30), (200.0, 170.0))
    path = tmp_path / "talk.mp4"
    film(path, [i / 25 for i in range(30)], size=(WIDTH, HEIGHT), boxes=boxes_of(track, 30))
    recording = recording_of(path, tmp_path / "cache")
    persons = persons_of(
        recording.folder, [i / 25 for i in range(30)], {"A": track}, size=(WIDTH, HEIGHT)
    )
    plan = PlanClips(layout="split", width=480, height=270)
    out = tmp_path / "out"
    planned, *_ = carry_out(recording, persons, plan, RenderFaces(FAST), WriteClips(root=out))
    rows, columns = np.nonzero(red(colours(out / "talk.split.mp4")[15]))
    assert (np.ptp(columns) + 1) / (np.ptp(rows) + 1) == pytest.approx(1.0, abs=0.15)
    assert planned.summary().findings[0].label == "one person"
