"""Draw subtitles into the picture of a copy; everything else is copied unchanged."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from reelmill.core.atomic import scratch
from reelmill.core.recording import Original, Recording, open_original
from reelmill.errors import InputError
from reelmill.media.container import open_container, shown
from reelmill.media.ffmpeg import (
    FfmpegError,
    ffmpeg_with_subtitles,
    input_arguments,
    own_times,
    run_ffmpeg,
)
from reelmill.media.fonts import NO_GLYPH, packages_for
from reelmill.media.video.copying import Picture, clock_start
from reelmill.media.video.encode import TICKS, EncoderName, Encoding, encoder_for, encoder_options
from reelmill.media.video.mux import Copied, mux
from reelmill.media.video.pictures import HLG, Pictures, pictures

#: FFmpeg's number for red, green and blue as they are.
_RGB = 0

#: FFmpeg's names for arguments of zscale, by the numbers of ITU-T H.273.
_MATRICES = {1: "bt709", 5: "bt470bg", 6: "smpte170m", 9: "bt2020nc", 10: "bt2020c"}
_PRIMARIES = {1: "bt709", 9: "bt2020", 11: "smpte431", 12: "smpte432"}

#: The luminance of HDR reference white in nits (ITU-R BT.2408), which becomes SDR white.
_WHITE_NITS = 203

#: NVENC accepts neither pictures smaller than about 145 x 49 nor interlaced ones.
_NVENC_SMALLEST = 160

DEFAULT_ENCODING = Encoding(quality=18)


@dataclass(frozen=True)
class Script:
    """An ASS script in a file with a plain name, and the start and end of each of its texts in
    seconds after the first time stamp of the video."""

    path: Path
    times: tuple[tuple[float, float], ...]


def look_at(video: Path | Recording, index: int) -> tuple[Pictures, float]:
    """The pictures of stream `index`, and the seconds by which a script has to be shifted, because
    ffmpeg's clock starts with the first packet.

    Raises:
        InputError: FFmpeg cannot open it.
    """
    with open_original(video) as original, open_container(original) as source:
        zero, start = clock_start(source)
        return pictures(source, index, start, original.path), zero - start


def burn(
    video: Path | Recording,
    script: Script,
    target: Path,
    seen: Pictures,
    encoding: Encoding = DEFAULT_ENCODING,
) -> Copied:
    """Draw the script into a copy of `video`, written to `target` (.mp4, .mov or .mkv).

    The script's own name must be plain: it becomes part of ffmpeg's filter language. Letters come
    from the fonts of this machine; fonts in a video or a script are not used.

    Raises:
        InputError: ffmpeg cannot read or write this video, or no font has its letters.
        ChangedError, LimitError: as `open_original` and `open_container`.
        UsageError: there is no suitable ffmpeg.
        OSError: such as a full disk.
    """
    with scratch(target) as drawn:
        with open_original(video) as original:
            _draw(original, script, drawn, seen, encoding)
        return mux(video, (), target, Picture(drawn, seen.index))


def _draw(
    original: Original, script: Script, target: Path, seen: Pictures, encoding: Encoding
) -> None:
    """Write the pictures with the text on them to `target`, an mp4 without sound."""
    encoder = encoder_for(encoding)
    if seen.interlaced or min(seen.width, seen.height) < _NVENC_SMALLEST:
        encoder = "x264"
    try:
        try:
            _encode(original, script, target, seen, encoding, encoder)
        except FfmpegError:
            if encoder == "x264":
                raise
            # The ffmpeg program may lack NVENC, or all of its sessions may be in use.
            _encode(original, script, target, seen, encoding, "x264")
    except FfmpegError as error:
        path = shown(original.path)
        raise InputError(f"{path}: subtitles cannot be burned in: {error}") from error


def _encode(
    original: Original,
    script: Script,
    target: Path,
    seen: Pictures,
    encoding: Encoding,
    encoder: EncoderName,
) -> None:
    program = ffmpeg_with_subtitles()
    with open_container(original) as opened:  # refuses files that are no recordings or too large
        form = opened.format.name
    codec, options = encoder_options(encoder, encoding)
    arguments = [
        *(*input_arguments(original.descriptor, form, program), "-map", f"0:{seen.index}"),
        *("-vf", ",".join(_filters(seen, script)), "-c:v", codec),
        *(*own_times(program), "-enc_time_base", f"1:{TICKS}"),
        *(part for name, value in options.items() for part in (f"-{name}", value)),
        *(("-flags", "+ilme+ildct") if seen.interlaced else ()),
        *("-video_track_timescale", str(TICKS), "-f", "mp4", f"file:{target.absolute()}"),
    ]
    missing: set[str] = set()
    for line in run_ffmpeg(arguments, script.path.parent, original.descriptor, program):
        if found := NO_GLYPH.search(line):
            missing.add(chr(int(found[1], 16)))
            _complain_of_letters(original.path, missing)


def _filters(seen: Pictures, script: Script) -> Iterator[str]:
    """The filters between ffmpeg's upright pictures and those to be encoded."""
    width, height = seen.turned
    if width % 2 or height % 2:  # repeat the last line or column instead of cutting one
        yield "pad=w=ceil(iw/2)*2:h=ceil(ih/2)*2"
        yield f"fillborders=right={width % 2}:bottom={height % 2}:mode=smear"
    if seen.is_hdr:
        yield from _to_sdr(seen)
    else:
        matrix = ":out_color_matrix=bt709" if seen.space == _RGB else ""
        yield f"scale=interl={-1 if seen.interlaced else 0}{matrix}"
        yield "format=yuv420p"
        if seen.space == _RGB:
            yield "setparams=colorspace=bt709"
    rate = seen.repeated_rate(script.times)
    if rate is not None:
        more = max(0.0, script.times[-1][1] - seen.times[-1])
        yield f"fps={rate}:start_time=0"
        yield f"tpad=stop_mode=clone:stop_duration={more:.3f}"
    shape = seen.shown
    aspect = "" if abs(seen.aspect - 1) < 0.001 else f":original_size={shape[0]}x{shape[1]}"
    yield f"ass=filename={script.path.name}{aspect}"


def _to_sdr(seen: Pictures) -> Iterator[str]:
    """Map HDR reference white to SDR white, and roll off brighter values."""
    transfer = "arib-std-b67" if seen.transfer == HLG else "smpte2084"
    matrix = _MATRICES.get(seen.space, "bt2020nc")
    primaries = _PRIMARIES.get(seen.primaries, "bt2020")
    extent = "full" if seen.range == 2 else "limited"
    given = f"tin={transfer}:min={matrix}:pin={primaries}:rin={extent}"
    yield f"zscale={given}:t=linear:npl={_WHITE_NITS}"
    yield "format=gbrpf32le"
    yield "zscale=p=bt709"
    yield "tonemap=tonemap=mobius:param=0.6:desat=0"
    yield "zscale=t=bt709:m=bt709:p=bt709:r=limited"
    yield "format=yuv420p"  # here, because ffmpeg 5's `scale` would use the matrix of BT.601
    yield "setparams=colorspace=bt709:color_primaries=bt709:color_trc=bt709:range=tv"


def _complain_of_letters(path: Path, missing: set[str]) -> None:
    """Raise InputError if a letter, not just a symbol, would be drawn as an empty box."""
    letters = sorted(c for c in missing if unicodedata.category(c).startswith("L"))
    if letters:
        raise MissingLettersError(
            f"{shown(path)}: no font on this machine has {''.join(letters)!r}: install one (Debian "
            f"and Ubuntu: {packages_for(letters)}) or name another with --style font=..., then run "
            "this again with --fresh"
        )


class MissingLettersError(InputError):
    """No font has some letters of a text."""
