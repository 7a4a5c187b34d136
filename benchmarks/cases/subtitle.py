"""Rows of `reelmill subtitle` with copies."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pysubs2

from benchmarks.cases.case import Case, done, every, exits, says, without
from benchmarks.matrix.compare import differences, picture_differences, text_is_seen
from benchmarks.matrix.layouts import ffprobe, make
from benchmarks.matrix.subtitle import LAYOUTS, ingredients
from reelmill.artifacts import SubtitleCue, SubtitleTrack
from reelmill.export.subtitles import DEFAULT_STYLE
from reelmill.export.subtitles.text_tracks import ass_file
from synthetic.oddities import FILMS


def copies(
    original: Path, out: Path, *texts: tuple[float, float], taken: tuple[str, ...] = ()
) -> list[str]:
    """What the copies of `subtitle --mux --burn` lack. Texts must be visible at these times (s);
    `taken`: dispositions that the original's subtitles should not keep."""
    muxed = list(out.glob(f"{original.stem}.subtitled.*"))
    burned = list(out.glob(f"{original.stem}.ko.burned.*"))
    if not (muxed and burned):
        return ["a copy is not there"]
    before, with_track, with_text = map(ffprobe, (original, muxed[0], burned[0]))
    wrong = differences(before, with_track, added=1, taken=taken)
    wrong += differences(before, with_text, added=0, without_picture=True)
    wrong += picture_differences(original, burned[0], before, with_text)
    unseen = [time for time in texts if not text_is_seen(original, burned[0], *time)]
    return wrong + [f"no text at {start} to {end} s" for start, end in unseen]


def marks_of_lines(original: Path, out: Path) -> list[str]:
    """The lines of a script that are not marked as right-to-left when written now."""
    lines = [line for event in pysubs2.load(str(original)) for line in event.text.split("\\N")]
    track = SubtitleTrack("ar", [SubtitleCue(0.0, 1.0, lines, [])], [])
    written = ass_file(track, DEFAULT_STYLE, (1920, 1080)).events[0].text.split("\\N")
    marked = [f"\u202b{line}\u202c" for line in lines]
    return [line for line, right in zip(written, marked, strict=True) if line != right]


def layout(name: str) -> Callable[[Path], None]:
    """The function that makes the layout of that name in the matrix of copies."""

    def made(path: Path) -> None:
        (found,) = (one for one in LAYOUTS if one.name == name)
        folder = _ingredients(path.parent)
        if (why := make(found, folder, path)) is not None:
            raise SystemExit(f"{name}: {why}")

    return made


def _ingredients(beside: Path) -> Path:
    folder = beside / "ingredients"
    if not folder.exists():
        folder.mkdir()
        ingredients(folder)
    return folder


def _rtl(path: Path) -> None:
    """An ASS script in Hebrew, with marks, numbers and Latin letters in its lines."""
    script = pysubs2.SSAFile()
    for number, text in enumerate(("שלום!", "מה, 3 ימים?\\Nכן (OK)...", "- לא -")):
        script.append(pysubs2.SSAEvent(1000 * number, 1000 * number + 900, text=text))
    script.save(str(path))


def _burned_dolby_vision(path: Path) -> None:
    """Pictures of Dolby Vision with the sound of the demo film."""
    film = path.parent / "film.ts"
    FILMS["dolby_vision.ts"](film)
    folder = _ingredients(path.parent)
    ffmpeg = ("ffmpeg", "-nostdin", "-v", "error", "-i", str(film), "-i", str(folder / "sound.wav"))
    subprocess.run([*ffmpeg, "-c:v", "copy", "-c:a", "aac", str(path)], check=True)


SUBTITLE = [
    Case(
        "video/burn_slides_vfr.mp4",
        "a picture every 10 s: repeated, so that each text is seen in its time",
        says("pictures repeated", "10 pictures a second"),
        command="subtitle",
        look=lambda original, out: copies(original, out, (1.0, 2.5), (4.2, 6.8), (14.5, 17.5)),
    ),
    Case(
        "video/burn_mjpeg_pcm.mov",
        "a camera's MJPEG and PCM: kept, and text in the picture",
        done,
        command="subtitle",
        look=lambda original, out: copies(original, out, (0.6, 2.8)),
    ),
    Case(
        "video/burn_odd_641x361.mp4",
        "a picture of 641 x 361: text in one of 642 x 362",
        says("odd size", "642x362"),
        command="subtitle",
        look=lambda original, out: copies(original, out, (0.8, 3.0), (4.2, 6.8)),
    ),
    Case(
        "video/mux_av1.mp4",
        "AV1 copied",
        done,
        command="subtitle",
        look=lambda original, out: copies(original, out, (0.6, 2.8)),
    ),
    Case(
        "video/mux_burn_iphone_hdr_hvc1.mov",
        "hvc1 and PQ kept; burned as BT.709, which is said",
        says("tone-mapped", "BT.709"),
        command="subtitle",
        look=lambda original, out: copies(original, out, (0.8, 3.0)),
    ),
    Case(
        "video/mux_rich.mkv",
        "chapters, font, flags, cover, titles kept; the new track is the default one",
        without("not kept"),
        ("--mux-default",),
        command="subtitle",
        look=lambda original, out: copies(original, out, (0.8, 3.0), taken=("default",)),
    ),
    Case(
        "video/x.ar.ass",
        "each line says that it is read from the right",
        done,
        command=None,
        look=marks_of_lines,
    ),
    Case(
        "video/mux_wmv2.wmv",
        "WMV copied into Matroska",
        done,
        command="subtitle",
        look=lambda original, out: copies(original, out, (0.8, 3.0)),
    ),
    Case(
        "fresh/slides_one_picture_in_2s.mp4",
        "a picture every two seconds: repeated, so that the text is seen in its time",
        says("pictures repeated", "10 pictures a second"),
        command="subtitle",
        look=lambda original, out: copies(original, out, (0.8, 3.0)),
        make=layout("slides_one_picture_in_2s.mp4"),
    ),
    Case(
        "fresh/mjpeg_pcm.mov",
        "MJPEG and PCM of 24 bits: kept, and text in the picture",
        done,
        command="subtitle",
        look=lambda original, out: copies(original, out, (0.8, 3.0)),
        make=layout("mjpeg_pcm.mov"),
    ),
    Case(
        "fresh/ffv1_flac_odd.mkv",
        "a picture of 321 x 181: text in one of 322 x 182",
        says("odd size", "322x182"),
        command="subtitle",
        look=lambda original, out: copies(original, out, (0.8, 3.0)),
        make=layout("ffv1_flac_odd.mkv"),
    ),
    Case(
        "fresh/webm_av1_opus.webm",
        "AV1 of a webm copied",
        done,
        command="subtitle",
        look=lambda original, out: copies(original, out, (0.8, 3.0)),
        make=layout("webm_av1_opus.webm"),
    ),
    Case(
        "fresh/hevc_hvc1_pq.mov",
        "hvc1 and PQ kept; burned as BT.709, which is said",
        says("tone-mapped", "BT.709"),
        command="subtitle",
        look=lambda original, out: copies(original, out, (0.8, 3.0)),
        make=layout("hevc_hvc1_pq.mov"),
    ),
    Case(
        "fresh/h264_fan.mkv",
        "chapters, font, flags, cover, titles kept; the new track is the default one",
        without("not kept"),
        ("--mux-default",),
        command="subtitle",
        look=lambda original, out: copies(original, out, (0.8, 3.0), taken=("default",)),
        make=layout("h264_fan.mkv"),
    ),
    Case(
        "fresh/x.he.ass",
        "each line says that it is read from the right",
        done,
        command=None,
        look=marks_of_lines,
        make=_rtl,
    ),
    Case(
        "fresh/wmv2_wma.wmv",
        "WMV copied into Matroska",
        done,
        command="subtitle",
        look=lambda original, out: copies(original, out, (0.8, 3.0)),
        make=layout("wmv2_wma.wmv"),
    ),
    Case(
        "fresh/dolby_vision.mp4",
        "Dolby Vision of profile 5: grave in the burned copy, and how to convert it",
        every(says("wrong colours", "burned copy", "convert it"), exits(1)),
        command="subtitle",
        make=_burned_dolby_vision,
    ),
]
