"""Describe what a container has beside its packets, and what a copy lacks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from av.stream import Disposition, Stream
from av.video.stream import VideoStream

if TYPE_CHECKING:
    from av.container import InputContainer

#: FFmpeg's AVDISCARD_ALL: the text track in which an mp4 keeps the names of its chapters.
_DISCARD_ALL = 48

#: Tags that belong to a file as it was written, not to the film.
_OF_THE_FILE = frozenset(
    {
        "major_brand", "minor_version", "compatible_brands", "encoder", "duration", "handler_name",
        "vendor_id", "timecode", "filename", "mimetype", "language", "company_name", "product_name",
        "product_version", "product_version_num", "product_uid", "application_platform", "uid",
        "generation_uid", "toolkit_version", "toolkit_version_num", "operational_pattern_ul",
        "material_package_umid", "modification_date", "hasvideo", "hasaudio", "hasmetadata",
        "haskeyframes", "cankeyframe", "datasize", "audiosize", "videosize", "lasttimestamp",
        "lastkeyframetimestamp", "lastkeyframelocation", "canseektoend", "metadatacreator",
        "software",
    }
)  # fmt: skip
_KINDS = ("video", "audio", "subtitle", "cover", "attachment", "data")


@dataclass(frozen=True)
class Track:
    """A stream: `kind` is one of `_KINDS`, `aspect` the width of a pixel in its heights."""

    kind: str
    codec: str
    language: str | None
    title: str | None
    dispositions: frozenset[str]
    tag: str
    aspect: float

    def named(self) -> str:
        """The words for it in a finding."""
        if self.kind == "cover":
            return "cover"
        language = f", {self.language}" if self.language else ""
        return f"{self.kind} {self.codec}{language}"


@dataclass(frozen=True)
class Contents:
    """Tracks in order, names of chapters, tags of the whole, and the time code of its start."""

    tracks: tuple[Track, ...]
    chapters: tuple[str, ...]
    tags: Mapping[str, str]
    timecode: str | None

    @classmethod
    def of(cls, container: InputContainer) -> Contents:
        """What FFmpeg finds in the headers."""
        named = {name.lower(): value for name, value in container.metadata.items()}
        tags = {name: value for name, value in named.items() if name not in _OF_THE_FILE}
        holders = [named, *(stream.metadata for stream in container.streams)]
        codes = (holder.get("timecode") or holder.get("TIMECODE") for holder in holders)
        return cls(
            tuple(_track(stream) for stream in container.streams if not is_derived(stream)),
            tuple(chapter["metadata"].get("title", "") for chapter in container.chapters()),
            tags,
            next((code for code in codes if code), None),
        )


def is_derived(stream: Stream) -> bool:
    """Whether a track only has what is copied in another way: names of chapters, time codes."""
    return stream.type == "data" and (
        int(stream.discard) == _DISCARD_ALL or "timecode" in stream.metadata
    )


def is_cover(stream: Stream) -> bool:
    """Whether it is a cover picture, not part of the film."""
    return stream.type == "video" and bool(stream.disposition & Disposition.attached_pic)


def codec_name(stream: Stream) -> str:
    """The codec's own name, whatever decoder there is for it."""
    context = stream.codec_context
    if context is not None:
        return str(context.codec.canonical_name)
    return stream.metadata.get("filename") or getattr(stream, "name", None) or "unknown"


def codec_tag(stream: Stream) -> str:
    """The four-letter tag of an mp4 (`hvc1`); empty if there is none."""
    try:
        tag = str(stream.codec_context.codec_tag)
    except (AttributeError, UnicodeDecodeError):
        return ""
    return tag if tag.isprintable() and len(tag) == 4 else ""


def track_title(stream: Stream) -> str | None:
    """The title of a track; an mp4 stores it as `name`."""
    return stream.metadata.get("title") or stream.metadata.get("name")


def pixel_aspect(stream: Stream) -> float:
    """The width of a pixel divided by its height; 1 if unknown."""
    if not isinstance(stream, VideoStream) or stream.codec_context is None:
        return 1.0
    return float(stream.sample_aspect_ratio or 1) or 1.0


def _track(stream: Stream) -> Track:
    language = stream.metadata.get("language")
    return Track(
        "cover" if is_cover(stream) else stream.type if stream.type in _KINDS else "data",
        codec_name(stream),
        language if language != "und" else None,
        track_title(stream),
        frozenset(flag.name for flag in Disposition if stream.disposition & flag and flag.name),
        codec_tag(stream),
        pixel_aspect(stream),
    )


def differences(
    before: Contents, after: Contents, replaced: frozenset[int], on_purpose: frozenset[str]
) -> list[str]:
    """What is in the original and not in its copy, in plain words.

    Args:
        before, after: of the original and of the copy.
        replaced: indices in `before.tracks` of tracks with other content in the copy.
        on_purpose: dispositions that subtitles were not meant to keep.
    """
    lost = list(_tracks(before, after, replaced, on_purpose))
    missing = len(before.chapters) - len(after.chapters)
    if missing > 0:
        lost.append(f"chapters: {missing} of {len(before.chapters)}")
    elif before.chapters[: len(after.chapters)] != after.chapters[: len(before.chapters)]:
        lost.append("names of chapters")
    for name, value in before.tags.items():
        if after.tags.get(name) != value:
            lost.append(f"the tag {name} ({_short(value)})")
    if before.timecode and before.timecode != after.timecode:
        lost.append(f"timecode {before.timecode}")
    return lost


def _tracks(
    before: Contents, after: Contents, replaced: frozenset[int], on_purpose: frozenset[str]
) -> Iterator[str]:
    left = list(after.tracks)
    pairs: list[tuple[Track, Track]] = []
    missing: Counter[str] = Counter()
    for number, track in enumerate(before.tracks):
        if number in replaced:
            continue
        copy = next(
            (one for one in left if (one.kind, one.codec) == (track.kind, track.codec)), None
        )
        if copy is None:
            missing[track.named()] += 1
            continue
        left.remove(copy)
        pairs.append((track, copy))
    for name, count in missing.items():
        yield name if count == 1 else f"{name} ({count} of them)"
    for track, copy in pairs:
        yield from _properties(track, copy, on_purpose if track.kind == "subtitle" else frozenset())


def _properties(track: Track, copy: Track, on_purpose: frozenset[str]) -> Iterator[str]:
    name = track.named()
    flags = track.dispositions - copy.dispositions - on_purpose - {"attached_pic"}
    for flag in sorted(flags):
        yield f"disposition {flag} of {name}"
    if track.language and track.language != copy.language:
        yield f"language of {name}"
    if track.title and track.title != copy.title:
        yield f"title of {name} ({_short(track.title)})"
    if abs(track.aspect - copy.aspect) > 0.01 * track.aspect:
        yield f"sample_aspect_ratio of {name}: pixels {track.aspect:.3f} as wide as high"


def _short(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:39]}…"
