"""IndexVideo: index the pictures of a video, and check whether its times can be relied on."""

from __future__ import annotations

from dataclasses import dataclass

from reelmill.artifacts import Media, VideoIndex
from reelmill.engine.stage import FileStage, Inputs, StageContext
from reelmill.media.video.frames import choose_track
from reelmill.media.video.index import index_video


@dataclass(frozen=True)
class IndexVideo(FileStage):
    """Reads all packets of the video track once, so that all later stages see the same pictures.

    `track`: number of the video track, counted from 0; None for the largest. Raises InputError when
    there is no picture.
    """

    name = "index_video"
    version = 2
    display_name = "Indexing the pictures"
    commands = ("faces",)
    needs = (Media,)
    produces = VideoIndex

    track: int | None = None

    def run(self, context: StageContext, inputs: Inputs) -> VideoIndex:
        chosen = choose_track(context.recording.path, inputs[Media], self.track)
        return index_video(context.recording, chosen.index)
