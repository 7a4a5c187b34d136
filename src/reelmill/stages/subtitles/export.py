"""ExportSubtitles: write subtitles to files."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from reelmill.artifacts import (
    Artifact,
    Media,
    Sentences,
    SubtitleFiles,
    Subtitles,
    Translations,
)
from reelmill.core.recording import Recording
from reelmill.engine.stage import FileStage, Inputs, StageContext
from reelmill.export.files import export_path, write_exports
from reelmill.export.source import Source
from reelmill.export.subtitles import (
    DEFAULT_STYLE,
    DEFAULT_SUBTITLE_FORMATS,
    SubtitleDocument,
    SubtitleStyle,
    parse_subtitle_formats,
    subtitle_writer,
)

#: The picture size that styles assume if there is no picture.
_NO_PICTURE = (1920, 1080)


@dataclass(frozen=True)
class ExportSubtitles(FileStage):
    """Writes `root`/`recording.name`.`language`.`format`, or one file for all languages."""

    name = "subtitle-files"
    version = 3
    display_name = "Writing the subtitle files"
    commands = ("subtitle",)
    needs = (Media, Sentences, Translations, Subtitles)
    produces = SubtitleFiles
    named_outputs = True
    corrected = True

    root: Path = field(metadata={"affects_result": False})
    formats: tuple[str, ...] = DEFAULT_SUBTITLE_FORMATS
    style: SubtitleStyle = DEFAULT_STYLE
    #: Set by the translations, which are in the key already.
    languages: tuple[str, ...] = field(default=(), metadata={"affects_result": False})

    def __post_init__(self) -> None:
        """Raises UsageError for an unknown format, before any work is done."""
        object.__setattr__(self, "formats", parse_subtitle_formats(self.formats))

    def run(self, context: StageContext, inputs: Inputs) -> SubtitleFiles:
        document = SubtitleDocument(
            inputs[Subtitles],
            inputs[Sentences],
            inputs[Translations],
            Source.of(context.recording),
            shown_picture(inputs[Media]),
            self.style,
        )
        contents = {
            suffix: text.encode("utf-8", "surrogateescape")
            for name in self.formats
            for suffix, text in subtitle_writer(name).files(document).items()
        }
        return SubtitleFiles(write_exports(self.root, context.recording, contents))

    def claims(self, name: str) -> list[str]:
        writers = (subtitle_writer(format_name) for format_name in self.formats)
        suffixes = (one for writer in writers for one in writer.suffixes(self.languages))
        return [export_path(name, suffix) for suffix in suffixes]

    def files(self, recording: Recording, artifact: Artifact) -> list[Path]:
        assert isinstance(artifact, SubtitleFiles)
        return [self.root / file.path for file in artifact.files]


def shown_picture(media: Media) -> tuple[int, int]:
    """Width and height of the picture as shown: rotated as the video asks, in square pixels."""
    if not media.video:
        return _NO_PICTURE
    video = media.video[0]
    size = (round(video.width * video.pixel_aspect), video.height)
    return (size[1], size[0]) if video.rotation % 180 else size
