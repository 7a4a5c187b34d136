"""Who is seen when and where: faces found in frames, their tracks, the persons behind them.

An hour of video holds 90,000 frames, so what belongs to a frame or a box lies in a `.npz` file of
arrays beside the JSON, which says what it is about. Times are in seconds of the original, boxes in
pixels of the picture as it is shown (upright: the container's rotation is applied).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from reelmill.artifacts.arrays import read_arrays
from reelmill.artifacts.base import Artifact
from reelmill.artifacts.names import PlainName
from reelmill.artifacts.speech import Span
from reelmill.artifacts.summary import Finding, RecordingSummary

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Int32 = npt.NDArray[np.int32]
    Int64 = npt.NDArray[np.int64]
    Bool = npt.NDArray[np.bool_]
    Float16 = npt.NDArray[np.float16]
    Float32 = npt.NDArray[np.float32]
    Float64 = npt.NDArray[np.float64]

#: How persons were told apart: by their faces, or by the colours they wear.
IdentityMethod = Literal["faces", "appearance"]


@dataclass
class Picture:
    """The video track that was looked at.

    `width` and `height` are of the picture as shown, after turning the coded one clockwise by
    `rotation` degrees; `track` is its stream index; `frames` counts what could be decoded;
    `frame_rate` is their mean rate; `duration` is the end of the last frame.
    """

    track: int
    width: int
    height: int
    rotation: int
    frames: int
    frame_rate: float
    duration: float


@dataclass
class Tile:
    """One of the pictures that a picture is put together of, in pixels of the whole."""

    x: float
    y: float
    width: float
    height: float


@dataclass
class TileLayout:
    """The tiles of a call from `start` to `end`, s."""

    start: float
    end: float
    tiles: list[Tile]


@dataclass
class Detections(Artifact):
    """Every face of every sampled frame; arrays in `file`, see `DetectionArrays`.

    `cuts` are the times of the first frames of new scenes. `looks` counts the frames on which the
    whole cascade ran; on the other sampled ones only boxes predicted from them were checked.
    `layouts` are the times at which people are seen in tiles. `turned_by` is how many degrees
    clockwise the picture would have to be turned for the faces that are seen in it to be upright.
    `mouths` are the files of `MouthArrays` and of the pictures that these are about, or none.
    """

    schema: ClassVar[str] = "detections/4"
    file: PlainName
    picture: Picture
    detector: str
    sampled: int
    looks: int
    boxes: int
    cuts: list[float]
    problems: list[Finding] = field(default_factory=list)
    layouts: list[TileLayout] = field(default_factory=list)
    turned_by: int = 0
    mouths: list[PlainName] = field(default_factory=list)

    def sidecars(self) -> list[str]:
        return [self.file, *self.mouths]

    def summary(self) -> RecordingSummary:
        return RecordingSummary(media_seconds=self.picture.duration, findings=self.problems)


@dataclass
class Track:
    """One face followed through one scene.

    `start` is the time of its first frame, `end` the end of its last; `score` is the mean of the
    detector's, from 0 to 1; `seen` the share of its sampled frames in which the face was really
    detected, the others being bridged. Its boxes are `TrackArrays` rows `first` up to, not
    including, `first + frames`: one for every frame of the video, not only the sampled ones.
    """

    id: int
    start: float
    end: float
    scene: int
    score: float
    seen: float
    first: int
    frames: int


@dataclass
class Tracks(Artifact):
    """All faces followed through time; arrays in `file`, see `TrackArrays`. `scenes` in order.

    `dropped` counts what was too short or too uncertain to be a face; `left_out` says what was left
    out because that was asked for.
    """

    schema: ClassVar[str] = "tracks/2"
    file: PlainName
    picture: Picture
    scenes: list[Span]
    tracks: list[Track]
    dropped: int
    left_out: list[Finding] = field(default_factory=list)

    def sidecars(self) -> list[str]:
        return [self.file]

    def summary(self) -> RecordingSummary:
        return RecordingSummary(findings=self.left_out)


@dataclass
class FaceNetworkUsed:
    """The network that told faces apart: its name, and a digest of its file. Vectors of different
    networks cannot be compared."""

    name: str
    digest: str


@dataclass
class Thumbnail:
    """Where a good picture of a person is: the frame at `time` (s), the face's box in pixels."""

    time: float
    x: float
    y: float
    width: float
    height: float


@dataclass
class OnScreen:
    """A stretch of time during which a person is seen, and the tracks that show it."""

    start: float
    end: float
    tracks: list[int]

    @property
    def duration(self) -> float:
        return self.end - self.start


@dataclass
class Person:
    """One person of one video.

    `label` is A, B, C... by time on screen; `name` comes from reference pictures, None without.
    `share` is of the video's duration. Its boxes are `PersonArrays` rows `first` up to, not
    including, `first + frames`, in order of time, at most one a frame. `likeness` is the least
    similarity (cosine) between its tracks, 1 when it has only one; `named_by` the similarity to
    the reference picture; `speaking` when the person is seen to speak, None where nobody looked.
    `voices` are the diarizer's labels of the voices that go with this face, and `heard` when they
    speak, whether the face is to be seen or not; None where nobody listened.
    """

    label: PlainName
    name: str | None
    intervals: list[OnScreen]
    seconds: float
    share: float
    thumbnail: Thumbnail
    first: int
    frames: int
    likeness: float = 1.0
    named_by: float | None = None
    speaking: list[Span] | None = None
    voices: list[str] | None = None
    heard: list[Span] | None = None

    @property
    def shown_name(self) -> str:
        return self.name or self.label


@dataclass
class Persons(Artifact):
    """The persons of a video, most seen first; arrays in `file`, see `PersonArrays`.

    `method` says how they were told apart, `network` by which network where it was by their faces,
    and `notes`, in plain words, what that cannot do; `cuts` as in `Detections`: a camera path must
    not glide across them.
    """

    schema: ClassVar[str] = "persons/2"
    file: PlainName
    picture: Picture
    method: IdentityMethod
    threshold: float
    persons: list[Person]
    cuts: list[float]
    notes: list[str] = field(default_factory=list)
    network: FaceNetworkUsed | None = None

    @property
    def told_apart_by(self) -> str:
        """The network's name, or `appearance`."""
        return self.network.name if self.network is not None else self.method

    def sidecars(self) -> list[str]:
        return [self.file]

    def summary(self) -> RecordingSummary:
        return RecordingSummary(media_seconds=self.picture.duration, notes=self.notes)


@dataclass
class SpeakingPersons(Persons):
    """The persons, and when each is seen to speak; how sure that is, in `activity`, see
    `SpeakingArrays`. `speaking_by` is the network that says it."""

    schema: ClassVar[str] = "speaking_persons/1"
    activity: PlainName | None = None
    speaking_by: str = ""

    def sidecars(self) -> list[str]:
        return [name for name in (self.file, self.activity) if name]


@dataclass
class HeardVoice:
    """A voice that goes with no face: the diarizer's `label`, and when it speaks."""

    label: str
    heard: list[Span]

    @property
    def shown_name(self) -> str:
        return f"Voice {self.label}"


@dataclass
class HeardPersons(SpeakingPersons):
    """The persons with their voices, and the voices of people who are not seen.

    `speaking` of each person takes both into account. `diarizer` is the model that told the voices
    apart; `shares` is the file of `SpeakingShares`.
    """

    schema: ClassVar[str] = "heard_persons/2"
    unseen: list[HeardVoice] = field(default_factory=list)
    diarizer: str = ""
    shares: PlainName | None = None

    def sidecars(self) -> list[str]:
        return [*super().sidecars(), *([self.shares] if self.shares else [])]


@dataclass
class NamedPersons(HeardPersons):
    """The persons with the names that the user gave them; without a network that sees who speaks
    the fields for that are empty."""

    schema: ClassVar[str] = "named_persons/1"


@dataclass
class SpeakingShares:
    """Arrays of `HeardPersons`.

    shares: (persons, moments) from 0 to 1 how much each is the one who speaks, every 40 ms: 1 for
    the most likely speaker, 0 where nobody speaks or the face is not visible.
    """

    shares: Float16


@dataclass
class SpeakingArrays:
    """Arrays of `SpeakingPersons`: how likely the face of each track speaks, every 40 ms.

    offsets: (tracks + 1,): those of track i are places offsets[i] up to offsets[i + 1]. first:
    (tracks,) the moment of a track's first one, in 40 ms from the beginning of the video.
    probabilities: (n,).
    """

    offsets: Int64
    first: Int64
    probabilities: Float32


@dataclass
class DetectionArrays:
    """Arrays of `Detections`.

    times: (frames,) of every frame of the video, s, ascending.
    sampled: (samples,) indices into `times` of the frames that were looked at.
    offsets: (samples + 1,): the boxes of sample i are rows offsets[i] up to offsets[i + 1].
    boxes: (n, 4) x, y, width, height. scores: (n,). landmarks: (n, 5, 2) x, y of the eyes, nose
    and mouth corners.
    looked: (samples,) whether the whole detector ran on it.
    colours: (m, d) histograms of what is worn below some of the faces, each of sum 1; colours_of:
    (m,) the rows of `boxes` they belong to, ascending.
    vectors: (k, e) of unit length, how some of the faces look to the network that tells people
    apart; vectors_of: (k,) the rows of `boxes` they belong to.
    """

    times: Float64
    sampled: Int32
    offsets: Int64
    boxes: Float32
    scores: Float32
    landmarks: Float32
    looked: Bool
    colours: Float32
    colours_of: Int64
    vectors: Float32
    vectors_of: Int64


@dataclass
class MouthArrays:
    """n pictures of lower faces, grey, as JPEG files one after the other in a file.

    frames: (n,) indices of frames of the video, ascending. regions: (n, 4) left, top, right, bottom
    of what they show. ends: (n,) where each ends in the file.
    """

    frames: Int64
    regions: Float32
    ends: Int64


@dataclass
class TrackArrays:
    """Arrays of `Tracks`: rows of one track after the other, in order of time.

    times: (n,) s. frames: (n,) indices of frames of the video. boxes: (n, 4) x, y, width, height.
    scores: (n,), 0 where no detector saw the box (interpolated or bridged).
    colours: (tracks, d) mean colour histogram of each track, all 0 where none was seen.
    best: (tracks, k) rows of each track with its best faces, best first, -1 for none.
    vectors: (tracks, e) mean over the faces that the network saw, of unit length; 0 where none was
    good enough. seen: (tracks,) how many that were.
    """

    times: Float64
    frames: Int32
    boxes: Float32
    scores: Float32
    colours: Float32
    best: Int64
    vectors: Float32
    seen: Int32


@dataclass
class PersonArrays:
    """Arrays of `Persons`: rows of one person after the other, in order of time.

    times: (n,) s. frames: (n,) indices of frames of the video. boxes: (n, 4) x, y, width, height.
    tracks: (n,) id of the track. embeddings: (persons, d) of unit length.
    """

    times: Float64
    frames: Int32
    boxes: Float32
    tracks: Int32
    embeddings: Float32

    def of(self, person: Person) -> slice:
        """The rows of one person."""
        return slice(person.first, person.first + person.frames)


def read_detections(folder: Path, detections: Detections) -> DetectionArrays:
    """The arrays beside `detections`. Raises InputError when damaged."""
    return DetectionArrays(**read_arrays(folder / detections.file))


def read_mouths(folder: Path, detections: Detections) -> MouthArrays:
    """The arrays about the pictures of mouths beside `detections`, which has some. Raises
    InputError when damaged."""
    return MouthArrays(**read_arrays(folder / detections.mouths[0]))


def read_tracks(folder: Path, tracks: Tracks) -> TrackArrays:
    """The arrays beside `tracks`. Raises InputError when damaged."""
    return TrackArrays(**read_arrays(folder / tracks.file))


def read_speaking(folder: Path, persons: SpeakingPersons) -> SpeakingArrays:
    """The arrays beside `persons`. Raises InputError when damaged."""
    assert persons.activity is not None
    return SpeakingArrays(**read_arrays(folder / persons.activity))


def read_shares(folder: Path, persons: HeardPersons) -> SpeakingShares:
    """The arrays beside `persons`. Raises InputError when damaged."""
    assert persons.shares is not None
    return SpeakingShares(**read_arrays(folder / persons.shares))


def read_persons(folder: Path, persons: Persons) -> PersonArrays:
    """The arrays beside `persons`. Raises InputError when damaged."""
    return PersonArrays(**read_arrays(folder / persons.file))
