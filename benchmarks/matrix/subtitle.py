"""`reelmill subtitle --mux --burn` over layouts: copies have everything of the originals, and the
text."""

from __future__ import annotations

import struct
import subprocess
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

from benchmarks.common import REELMILL
from benchmarks.matrix.compare import differences, picture_differences, text_is_seen
from benchmarks.matrix.layouts import Layout, Row, Told, asked_for, ffprobe, tried

_FILM = next(Path(str(resources.files("reelmill") / "assets" / "films")).glob("*.mp4"))
_SECONDS = 4
_MODELS = ("--model", "demo", "--translator", "demo", "--no-align")
_OPTIONS = (*_MODELS, "--to", "ko", "--mux", "--burn")

_IN = "-i picture.nut -i sound.wav"
_X264 = "-c:v libx264 -preset veryfast"
_X265 = "-c:v libx265 -preset ultrafast -x265-params log-level=error"
_VP9 = "-c:v libvpx-vp9 -deadline realtime"
_WIDE = "-color_primaries bt2020 -colorspace bt2020nc -pix_fmt yuv420p10le"
_AAC, _PCM = "-c:a aac", "-c:a pcm_s16le"
_INTERLACED = "-flags +ilme+ildct"
_FONT = "-attach letters.ttf -metadata:s:t:1 mimetype=application/x-truetype-font"


def _turn(path: Path) -> None:
    """Have an mp4's picture shown turned by 90 degrees (ISO/IEC 14496-12, 8.3.2)."""
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 4 + 4 + 20 + 8 + 8
    data[at : at + 36] = struct.pack(">9i", 0, 1 << 16, 0, -1 << 16, 0, 0, 0, 0, 1 << 30)
    path.write_bytes(data)


LAYOUTS = (
    Layout("h264_aac.mp4", f"{_IN} {_X264} -bf 3 {_AAC} -metadata title='A title'"),
    Layout("h264_aac_rotated.mp4", f"{_IN} {_X264} {_AAC}", finish=_turn),
    Layout(
        "h264_two_sounds_dispositions.mp4",
        f"{_IN} -map 0:v -map 1:a -map 1:a {_X264} {_AAC} -metadata:s:a:0 language=jpn "
        "-metadata:s:a:1 language=eng -disposition:a:0 default -disposition:a:1 comment",
    ),
    Layout(
        "h264_chapters_cover_text.mp4",
        f"{_IN} -i chapters.txt -i cover.jpg -i text.srt -map 0:v -map 1:a -map 4:s -map 3:v "
        f"-map_chapters 2 {_X264} {_AAC} -c:v:1 mjpeg -c:s mov_text -disposition:v:1 attached_pic "
        "-metadata title=Film -metadata artist=Someone",
    ),
    Layout(
        "hevc_hvc1_pq.mov",
        f"{_IN} {_X265} {_WIDE} -color_trc smpte2084 -tag:v hvc1 {_AAC}",
        ("libx265",),
    ),
    Layout("hevc_hlg.mp4", f"{_IN} {_X265} {_WIDE} -color_trc arib-std-b67 {_AAC}", ("libx265",)),
    Layout("prores_pcm_timecode.mov", f"{_IN} -c:v prores_ks {_PCM} -timecode 01:02:03:04"),
    Layout("mjpeg_pcm.mov", f"{_IN} -c:v mjpeg -pix_fmt yuvj420p -c:a pcm_s24le"),
    Layout("dnxhr_pcm.mov", f"{_IN} -c:v dnxhd -profile:v dnxhr_lb -pix_fmt yuv422p {_PCM}"),
    Layout("mpeg4_aac.3gp", f"{_IN} -c:v mpeg4 {_AAC}"),
    Layout("av1_opus.mp4", f"{_IN} -c:v libsvtav1 -c:a libopus", ("libsvtav1",)),
    Layout("webm_av1_opus.webm", f"{_IN} -c:v libsvtav1 -c:a libopus", ("libsvtav1",)),
    Layout("vp9_opus_vtt.webm", f"{_IN} -i text.srt {_VP9} -c:a libopus -c:s webvtt"),
    Layout(
        "vp8_vorbis_anamorphic.webm",
        f"{_IN} -vf scale=480:360,setsar=2 -c:v libvpx -deadline realtime -c:a libvorbis",
    ),
    Layout(
        "h264_fan.mkv",
        f"{_IN} -i chapters.txt -i text.ass -i text.srt -attach cover.jpg "
        f"-metadata:s:t:0 mimetype=image/jpeg {_FONT} -map 0:v -map 1:a -map 1:a -map 3:s "
        f"-map 4:s -map_chapters 2 {_X264} -c:a:0 ac3 -c:a:1 flac -c:s:0 ass -c:s:1 subrip "
        "-disposition:s:0 forced -disposition:s:1 default -metadata title='The film' "
        "-metadata:s:a:0 language=jpn -metadata:s:a:1 title=Commentary",
    ),
    Layout("theora_vorbis.ogv", f"{_IN} -c:v libtheora -c:a libvorbis", ("libtheora",)),
    Layout("wmv2_wma.wmv", f"{_IN} -c:v wmv2 -c:a wmav2 -metadata title=Windows"),
    Layout("msmpeg4_mp3.avi", f"{_IN} -c:v msmpeg4 -c:a libmp3lame"),
    Layout("xvid_ac3.avi", f"{_IN} -c:v libxvid -c:a ac3", ("libxvid",)),
    Layout("dv_pcm.avi", f"{_IN} -target pal-dv -vf scale=720:576,setsar=16/15"),
    Layout("flv1_mp3.flv", f"{_IN} -c:v flv -ar 44100 -c:a libmp3lame"),
    Layout("flv_h264_aac.flv", f"{_IN} {_X264} {_AAC}"),
    Layout("h264_ac3.ts", f"{_IN} {_X264} -bf 2 -c:a ac3"),
    Layout("h264_bluray.m2ts", f"{_IN} {_X264} -ar 48000 -ac 2 -c:a pcm_bluray"),
    Layout(
        "mpeg2_mp2_interlaced.mpg",
        f"{_IN} -vf scale=720:576,setsar=64/45 -c:v mpeg2video {_INTERLACED} -top 1 -c:a mp2",
    ),
    Layout("h264_interlaced.mkv", f"{_IN} {_X264} {_INTERLACED} -x264-params tff=1 {_AAC}"),
    Layout("mpeg2_pcm.mxf", f"{_IN} -c:v mpeg2video {_PCM} -timecode 10:00:00:00"),
    Layout("ffv1_flac_odd.mkv", f"{_IN} -vf scale=321:181 -pix_fmt yuv444p -c:v ffv1 -c:a flac"),
    Layout("slides_one_picture_in_2s.mp4", f"{_IN} -r 0.5 {_X264} {_AAC}"),
    Layout("h264_anamorphic.mp4", f"{_IN} -vf scale=240:180,setsar=4/3 {_X264} {_AAC}"),
    Layout("rawvideo_pcm.avi", f"{_IN} -c:v rawvideo -pix_fmt yuv420p {_PCM}"),
    Layout("hevc_truehd.mkv", f"{_IN} {_X265} -strict -2 -c:a truehd", ("libx265", "truehd")),
    Layout("vc1_wma.wmv", f"{_IN} -c:v vc1 -c:a wmav2", ("vc1",)),
)


def rows(folder: Path, names: tuple[str, ...]) -> Iterator[Row]:
    """The results for layouts whose name contains one of `names`, or for all."""
    (folder / "ingredients").mkdir()
    ingredients(folder / "ingredients")
    yield from tried(
        "subtitle",
        asked_for(LAYOUTS, names),
        folder,
        lambda films, out: [*REELMILL, "subtitle", *map(str, films), "-o", str(out), *_OPTIONS],
        _row,
    )


def ingredients(folder: Path) -> None:
    def ffmpeg(*arguments: str) -> None:
        subprocess.run(["ffmpeg", "-v", "error", "-y", *arguments], check=True, cwd=folder)

    picture = f"testsrc2=s=320x180:r=25:d={_SECONDS}"
    ffmpeg("-f", "lavfi", "-i", picture, "-c:v", "rawvideo", "-pix_fmt", "yuv420p", "picture.nut")
    ffmpeg("-t", str(_SECONDS), "-i", str(_FILM), "-vn", "-ac", "1", "-ar", "48000", "sound.wav")
    ffmpeg("-f", "lavfi", "-i", "color=red:s=64x96:d=0.04", "-frames:v", "1", "cover.jpg")
    (folder / "text.srt").write_text("1\n00:00:00,500 --> 00:00:01,500\nThere before\n")
    ffmpeg("-i", "text.srt", "text.ass")
    chapter = "[CHAPTER]\nTIMEBASE=1/1000\nSTART={}\nEND={}\ntitle={}\n"
    (folder / "chapters.txt").write_text(
        ";FFMETADATA1\n" + chapter.format(0, 2000, "One") + chapter.format(2000, 4000, "Two")
    )
    fonts = sorted(Path("/usr/share/fonts").rglob("*.ttf"), key=lambda path: path.stat().st_size)
    (folder / "letters.ttf").write_bytes(fonts[0].read_bytes())


def _row(layout: Layout, original: Path, out: Path, told: Told) -> Row:
    said = told.said
    muxed = sorted(out.glob(f"{original.stem}.subtitled.*"))
    burned = sorted(out.glob(f"{original.stem}.ko.burned.*"))
    wrong = [f"no {kind}" for kind, found in (("mux", muxed), ("burn", burned)) if not found]
    before = ffprobe(original)
    kept = []
    for copy in muxed:
        after = ffprobe(copy)
        kept.append(f"{copy.suffix[1:]}: {_streams(after)}")
        lost = differences(before, after, added=1)
        wrong += [f"mux: {one}" for one in lost if not _is_said(one, said)]
    for copy in burned:
        after = ffprobe(copy)
        kept.append(f"burned {copy.suffix[1:]}: {_streams(after)}")
        lost = differences(before, after, added=0, without_picture=True)
        lost += picture_differences(original, copy, before, after)
        wrong += [f"burn: {one}" for one in lost if not _is_said(one, said)]
        if not text_is_seen(original, copy, 0.7, 3.2):
            wrong.append("burn: no text in the picture")
    wrong += told.failed
    return Row("subtitle", layout.name, "FAIL" if wrong else "ok", "\n".join(kept), said, wrong)


def _streams(told: dict[str, Any]) -> str:
    names = [stream.get("codec_name", stream["codec_type"]) for stream in told["streams"]]
    chapters = len(told["chapters"])
    return " ".join(names) + (f" + {chapters} chapters" if chapters else "")


def _is_said(difference: str, said: list[str]) -> bool:
    """Whether a finding names the difference: the words before the colon."""
    return any(difference.split(":", maxsplit=1)[0] in one for one in said)
