"""`reelmill faces` over layouts: every picture that ffprobe counts is processed and shown."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.common import REELMILL
from benchmarks.matrix.layouts import Layout, Row, Told, asked_for, ffprobe, frames, tried
from benchmarks.matrix.subtitle import _turn
from synthetic.staged import Form, pictures, swaying, write

_SECONDS = 3
_SIZE = (320, 180)
_IN = "-i person.mkv -i sound.wav"
_X264 = "-c:v libx264 -preset veryfast -g 20"
_X265 = "-c:v libx265 -preset ultrafast -x265-params log-level=error:keyint=20"
_AAC, _PCM = "-c:a aac", "-c:a pcm_s16le -ar 48000"
_MPEG2 = "-c:v mpeg2video -g 12 -b:v 1M"
_FRAGMENTS = "-movflags +frag_keyframe+empty_moov"
_UNEVEN = "-vf select='mod(n\\,7)+lt(n\\,20)' -vsync vfr"
_WIDE = "-color_primaries bt2020 -colorspace bt2020nc -pix_fmt yuv420p10le"


def _doubled(path: Path) -> None:
    path.write_bytes(path.read_bytes() * 2)


LAYOUTS = (
    Layout("h264_mp4.mp4", f"{_IN} {_X264} -bf 0 {_AAC}"),
    Layout("h264_b_mp4.mp4", f"{_IN} {_X264} -bf 3 {_AAC}"),
    Layout("h264_b_open_mp4.mp4", f"{_IN} {_X264} -bf 3 -x264-params open-gop=1 {_AAC}"),
    Layout("h264_b_fragments.mp4", f"{_IN} {_X264} -bf 3 {_FRAGMENTS} {_AAC}"),
    Layout("h264_rotated.mp4", f"{_IN} {_X264} -vf transpose=2 {_AAC}", finish=_turn),
    Layout("h264_anamorphic.mp4", f"{_IN} -vf scale=160:180,setsar=2 {_X264} {_AAC}"),
    Layout("h264_no_sound.mp4", f"-i person.mkv {_X264}"),
    Layout("h264_one_frame_a_second.mp4", f"{_IN} -r 1 {_X264} {_AAC}"),
    Layout("h264_one_picture.mp4", f"-i person.mkv -frames:v 1 {_X264}"),
    Layout("h264_b_mov.mov", f"{_IN} {_X264} -bf 2 {_PCM}"),
    Layout("h264_b_mkv.mkv", f"{_IN} {_X264} -bf 2 -c:a flac"),
    Layout("h264_uneven.mkv", f"{_IN} {_UNEVEN} {_X264} {_AAC}"),
    Layout("h264_two_pictures.mkv", f"-i small.mkv {_IN} -map 0 -map 1 -map 2 {_X264} {_AAC}"),
    Layout("h264_three_sounds.mkv", f"{_IN} -map 0:v -map 1 -map 1 -map 1 {_X264} {_AAC}"),
    Layout("h264_b_avi.avi", f"{_IN} {_X264} -bf 2 -c:a libmp3lame"),
    Layout("h264_b_flv.flv", f"{_IN} {_X264} -bf 2 {_AAC}"),
    Layout("h264_b_ts.ts", f"{_IN} {_X264} -bf 2 {_AAC}"),
    Layout("h264_b_m2ts.m2ts", f"{_IN} {_X264} -bf 2 -c:a ac3"),
    Layout("h264_refreshed.ts", f"{_IN} {_X264} -x264-params intra-refresh=1 {_AAC}"),
    Layout("h264_interlaced.ts", f"{_IN} {_X264} -flags +ilme+ildct -x264-params tff=1 {_AAC}"),
    Layout("h264_joined.ts", f"{_IN} {_X264} -bf 2 {_AAC}", finish=_doubled),
    Layout("h264_b_mxf.mxf", f"{_IN} {_X264} -bf 2 {_PCM}"),
    Layout("h264_b_asf.asf", f"{_IN} {_X264} -bf 2 -c:a wmav2"),
    Layout("h264_b_raw.h264", f"-i person.mkv {_X264} -bf 2"),
    Layout("hevc_hlg.mkv", f"{_IN} {_X265} {_WIDE} -color_trc arib-std-b67 {_AAC}", ("libx265",)),
    Layout("hevc_b_ts.ts", f"{_IN} {_X265} {_AAC}", ("libx265",)),
    Layout("hevc_b_raw.hevc", f"-i person.mkv {_X265}", ("libx265",)),
    Layout("mpeg1_b.mpg", f"{_IN} -c:v mpeg1video -g 12 -bf 2 -b:v 1M -c:a mp2"),
    Layout("mpeg2_joined.mpg", f"{_IN} {_MPEG2} -bf 2 -c:a mp2", finish=_doubled),
    Layout("mpeg2_b_vob.vob", f"{_IN} {_MPEG2} -bf 2 -c:a ac3"),
    Layout("mpeg2_b_raw.m2v", f"-i person.mkv {_MPEG2} -bf 2"),
    Layout("mpeg4_b_avi.avi", f"{_IN} -c:v mpeg4 -b:v 1M -bf 2 -c:a libmp3lame"),
    Layout("mjpeg_pcm.avi", f"{_IN} -c:v mjpeg -pix_fmt yuvj420p {_PCM}"),
    Layout("prores_pcm.mov", f"{_IN} -c:v prores_ks {_PCM}"),
    Layout("vp8_vorbis.webm", f"{_IN} -c:v libvpx -deadline realtime -b:v 1M -c:a libvorbis"),
    Layout("vp9_opus.webm", f"{_IN} -c:v libvpx-vp9 -cpu-used 8 -b:v 1M -g 20 -c:a libopus"),
    Layout("av1_opus.mp4", f"{_IN} -c:v libsvtav1 -c:a libopus", ("libsvtav1",)),
    Layout("theora_vorbis.ogv", f"{_IN} -c:v libtheora -b:v 1M -c:a libvorbis", ("libtheora",)),
    Layout("wmv2_wma.wmv", f"{_IN} -c:v wmv2 -b:v 1M -c:a wmav2"),
    Layout("flv1_mp3.flv", f"{_IN} -c:v flv -b:v 1M -ar 44100 -c:a libmp3lame"),
    Layout("ffv1_flac_odd.mkv", f"{_IN} -vf scale=321:181 -pix_fmt yuv444p -c:v ffv1 -c:a flac"),
    Layout("picture.gif", "-i person.mkv"),
)  # fmt: skip


def rows(folder: Path, names: tuple[str, ...]) -> Iterator[Row]:
    """The results for layouts whose name contains one of `names`, or for all."""
    _ingredients(folder / "ingredients")
    yield from tried(
        "faces",
        asked_for(LAYOUTS, names),
        folder,
        lambda films, out: [*REELMILL, "faces", *map(str, films), "-o", str(out)],
        _row,
    )


def _ingredients(folder: Path) -> None:
    """Somebody who is seen all the time, the same smaller, and a tone as long."""
    man = swaying(0, 160, 70, 64)
    count = 25 * _SECONDS
    write(
        folder / "person.mkv",
        pictures(count, _SIZE, lambda frame: [man(frame)]),
        Form("matroska", "ffv1"),
    )
    for arguments in (
        "-i person.mkv -vf scale=160:90 -c:v ffv1 small.mkv",
        f"-f lavfi -i sine=440:d={_SECONDS}:r=48000 sound.wav",
    ):
        command = ["ffmpeg", "-v", "error", "-y", *arguments.split()]
        subprocess.run(command, check=True, cwd=folder)


def _row(layout: Layout, original: Path, out: Path, told: Told) -> Row:
    said, wrong = told.said, [*told.failed]
    path = out / f"{original.stem}.faces.json"
    if not path.exists():
        return Row("faces", layout.name, "FAIL", said=said, wrong=[*wrong, "no result"])
    found = json.loads(path.read_text("utf-8"))
    before = ffprobe(original)
    counted = frames(original, f"v:{_largest(before)}")
    looked = found["picture"]["frames"]
    if looked != counted:
        wrong.append(f"{looked} of {counted} pictures looked at")
    shown = sum(clip["frames"] for clip in found["clips"])
    if shown < 0.95 * counted:
        wrong.append(f"{shown} of {counted} pictures shown")
    if len(found["persons"]) != 1:
        wrong.append(f"{len(found['persons'])} persons instead of one")
    has_sound = any(stream["codec_type"] == "audio" for stream in before["streams"])
    for clip in found["clips"]:
        wrong += _clip_faults(out / clip["file"], has_sound=has_sound)
    kept = f"{looked} of {counted} pictures, {found['picture']['duration']:.2f} s"
    return Row("faces", layout.name, "FAIL" if wrong else "ok", kept, said, wrong)


def _largest(told: dict[str, Any]) -> int:
    pictures_there = [s for s in told["streams"] if s["codec_type"] == "video"]
    sizes = [stream["width"] * stream["height"] for stream in pictures_there]
    return sizes.index(max(sizes))


def _clip_faults(path: Path, *, has_sound: bool) -> list[str]:
    """What is wrong with a clip: its size, its colours, its sound."""
    streams = {stream["codec_type"]: stream for stream in ffprobe(path)["streams"]}
    picture, sound = streams["video"], streams.get("audio")
    faults = []
    if (picture["width"], picture["height"]) != (250, 250):
        faults.append(f"a clip of {picture['width']} x {picture['height']}")
    if picture.get("color_transfer") in ("smpte2084", "arib-std-b67"):
        faults.append("a clip of high dynamic range")
    if has_sound and sound is None:
        faults.append("a clip without sound")
    if sound and abs(float(sound["duration"]) - float(picture["duration"])) > 0.1:
        faults.append(f"sound of {sound['duration']} s with pictures of {picture['duration']} s")
    return faults
