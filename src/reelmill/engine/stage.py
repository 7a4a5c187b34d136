"""The contract: what a stage is. Who has understood one stage has understood all of them."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Generic, Literal, Protocol, TypeVar

from reelmill.artifacts import Artifact
from reelmill.core.recording import Recording

ArtifactT = TypeVar("ArtifactT", bound=Artifact)


class Item(Protocol):
    """One unit of model work. `cost` is in the stage's own unit (seconds, tokens, pixels)."""

    @property
    def cost(self) -> float:
        """What it costs to infer, more than 0; items of similar cost are batched together."""


ItemT = TypeVar("ItemT", bound=Item)
OutputT = TypeVar("OutputT")


@dataclass(frozen=True)
class Need:
    """What a stage reads where a type alone does not say it: `exactly`, `optional`, `every`."""

    kind: type[Artifact]
    how: Literal["exactly", "optional", "every"]


def exactly(kind: type[Artifact]) -> Need:
    """This type, and none derived from it."""
    return Need(kind, "exactly")


def optional(kind: type[Artifact]) -> Need:
    """The most derived artifact of a type, where the pipeline has one."""
    return Need(kind, "optional")


def every(kind: type[Artifact]) -> Need:
    """All artifacts of a type; there may be none."""
    return Need(kind, "every")


class Inputs:
    """The artifacts a stage reads, by type or by one of its base types."""

    def __init__(self, artifacts: Iterable[Artifact]) -> None:
        self._artifacts = tuple(artifacts)

    def __getitem__(self, kind: type[ArtifactT]) -> ArtifactT:
        """The most derived artifact of a type.

        Raises:
            KeyError: the stage does not read one.
        """
        found = self.get(kind)
        if found is None:
            raise KeyError(kind.__name__)
        return found

    def get(self, kind: type[ArtifactT]) -> ArtifactT | None:
        """As `[kind]`, but None where there is none."""
        found: ArtifactT | None = None
        for artifact in self.every(kind):
            if found is None or isinstance(artifact, type(found)):
                found = artifact
        return found

    def every(self, kind: type[ArtifactT]) -> list[ArtifactT]:
        """All artifacts of a type, in the order of the pipeline."""
        return [artifact for artifact in self._artifacts if isinstance(artifact, kind)]


@dataclass(frozen=True)
class Device:
    """Where a model runs: `cpu`, or `cuda` with an index."""

    kind: str
    index: int = 0

    def __str__(self) -> str:
        return self.kind if self.kind == "cpu" else f"{self.kind}:{self.index}"


@dataclass(frozen=True)
class ModelSpec(ABC):
    """Which model, and how to get it into memory. Equal specs share one model worker.

    A spec is pickled to the model worker's process; heavy imports belong inside `load`.
    """

    #: What it is for, in a word or two: `recognizer`, `translator`.
    purpose: ClassVar[str] = ""

    @property
    @abstractmethod
    def name(self) -> str:
        """As the user knows it."""

    @property
    def display_name(self) -> str:
        """What it does and its name, for notes and reports: several may be called `demo`."""
        return f"{self.purpose} {self.name}".strip()

    @property
    @abstractmethod
    def identity(self) -> str:
        """Changes when the weights or their use would change the results."""

    @property
    def python(self) -> str | None:
        """The interpreter of the environment that has its libraries; None: the one we run in.

        There only the standard library, what it has installed, and the packages of the spec and
        its stages can be imported.
        """
        return None

    @property
    def environment(self) -> Mapping[str, str]:
        """Variables that its model worker's process is to have."""
        return {}

    @abstractmethod
    def load(self, device: Device, threads: int) -> Any:
        """Load onto `device`; on the CPU compute with `threads` threads.

        Raises:
            ModelUnavailableError: the weights are not available; the message names the ways out.
        """

    def unsupported_reason(self, device_kind: str) -> str:
        """Why it cannot compute on such a device, and what helps; empty when it can."""
        return ""

    def supports(self, device_kind: str) -> bool:
        """Whether it can compute on such a device; a model that cannot goes to the CPU."""
        return not self.unsupported_reason(device_kind)

    @property
    def lightweight(self) -> bool:
        """Whether it loads in a moment and computes in many short steps: one model worker then
        cannot fill a GPU, several share it, and on the CPU it is measured what threads bring.
        """
        return False

    def memory_mb(self, device_kind: str) -> float:
        """Memory in MB that a model worker of it will need on such a device; 0 when not known."""
        return 0.0

    def warm_up(self, model: Any) -> None:  # noqa: B027 (a model may need none)
        """Infer something small, so that a model that loads but cannot run fails here."""


@dataclass(frozen=True)
class StageContext:
    """What a stage is working on: a recording, or one part of it.

    Attributes:
        recording: the source, its name for results and its folder.
        stage: the stage's name.
        key: the key of the result: another content, setting, model or version has another.
        part: one of the stage's `parts`; None for a stage without parts of its own.
        handed: what `split` returned for each part, in `merge`; None where it returned nothing.
    """

    recording: Recording
    stage: str
    key: str
    part: Any = None
    handed: tuple[Any, ...] = ()

    @property
    def folder(self) -> Path:
        """Where the recording's artifacts and the files beside them are."""
        return self.recording.folder

    def sidecar(self, name: str) -> str:
        """The name of a file beside the artifact, for the artifact to refer to: it tells the
        results of different settings and versions apart.

        Args:
            name: what the file is among the stage's own, as `boxes.npz`.
        """
        return f"{self.stage}-{self.key[:16]}.{name}"

    def path(self, name: str) -> Path:
        """Where to write the sidecar `name`."""
        return self.folder / self.sidecar(name)


@dataclass(frozen=True)
class Stage(ABC):
    """One step of a pipeline. Its dataclass fields are its settings.

    A result is reused only for the same content, settings, model and `version`; a field that
    cannot change the result is declared with `setting(affects_result=False)`.
    """

    name: ClassVar[str]
    version: ClassVar[int]
    #: What it does, in plain words, for progress and reports: "Recognizing speech".
    display_name: ClassVar[str] = ""
    #: The commands that have it, or that it can be added to.
    commands: ClassVar[tuple[str, ...]] = ()
    #: The settings that name the models its result depends on.
    models: ClassVar[tuple[str, ...]] = ()
    #: The setting, and its value, that a command has it with; None: it always has it.
    enabled_by: ClassVar[tuple[str, Any] | None] = None
    #: What a user may set of a stage that another package brings: a dataclass with defaults.
    option_type: ClassVar[type[Any] | None] = None
    #: The artifacts it reads. A type means the most derived one that the pipeline makes before it:
    #: `Transcript` is the transcript with speakers where there is one.
    needs: ClassVar[tuple[type[Artifact] | Need, ...]] = ()
    produces: ClassVar[type[Artifact]]
    #: Results named after the recording (exports), not after its content alone.
    named_outputs: ClassVar[bool] = False
    #: Files beside its artifact go when the recording is finished, and are made again on demand.
    temporary: ClassVar[bool] = False

    @classmethod
    def from_options(cls, options: Any) -> Stage:
        """The stage with what a user set; for stages that other packages bring.

        Args:
            options: an instance of `option_type`, None where the stage has none.

        Raises:
            ReelmillError: a model is not available, or an option does not fit.
        """
        return cls() if options is None else cls(**vars(options))

    def parts(self, context: StageContext, inputs: Inputs) -> Sequence[Any]:
        """The parts of a recording that are worked on at the same time where they can be, always
        the same for the same inputs; none is fine too. By default the recording is one part.

        Parts are small and picklable: files and arrays belong in the recording's folder.
        """
        return (None,)

    @property
    def parted(self) -> bool:
        """Whether it has parts of its own."""
        return type(self).parts is not Stage.parts

    def fingerprint(self) -> dict[str, Any]:
        """The settings that decide the result."""
        return {
            f.name: _plain(getattr(self, f.name))
            for f in dataclasses.fields(self)
            if f.metadata.get("affects_result", True)
        }

    def claims(self, name: str) -> list[str]:
        """Where below the output folder results of a recording called `name` may go; the name of a
        folder of them ends in `/`.
        """
        return []

    def files(self, recording: Recording, artifact: Artifact) -> list[Path]:
        """The files beside the JSON without which the artifact is not whole."""
        return [recording.folder / name for name in artifact.sidecars()]


def setting(default: Any, *, affects_result: bool = True) -> Any:
    """A stage's field that does not (or does) decide its result."""
    return field(default=default, metadata={"affects_result": affects_result})


def _plain(value: Any) -> Any:
    if isinstance(value, ModelSpec):
        return value.identity
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    return value


@dataclass(frozen=True)
class FileStage(Stage):
    """A stage without a model: `run` makes the artifact in a process of the CPU pool.

    With `parts` of its own, `run` makes a piece of `context.part`, and `join` the artifact of all
    pieces.
    """

    @abstractmethod
    def run(self, context: StageContext, inputs: Inputs) -> Any:
        """Make the artifact of a recording, or the piece of one part of it."""

    def join(self, context: StageContext, inputs: Inputs, pieces: Sequence[Any]) -> Artifact:
        """Make the artifact from all pieces, in the order of `parts`."""
        (artifact,) = pieces
        assert isinstance(artifact, Artifact)
        return artifact


@dataclass(frozen=True)
class ModelStage(Stage, Generic[ItemT, OutputT]):
    """A stage with a model: `split` and `merge` run in the CPU pool, `infer` in a model worker."""

    #: The most items that go into a batch; None: as many as the engine is told.
    max_batch_size: ClassVar[int | None] = None
    #: Seconds that a unit of cost may take before the worker counts as hung, where an item is so
    #: large that this cannot be left to the engine's own guess.
    timeout_per_cost: ClassVar[float] = 0.0

    model: ModelSpec

    @abstractmethod
    def split(self, context: StageContext, inputs: Inputs) -> Iterator[ItemT]:
        """Cut a recording, or `context.part` of it, into items, lazily and always in the same way;
        none is fine too.

        What the generator returns, small and picklable, `merge` finds in `context.handed`.
        """

    @abstractmethod
    def infer(self, model: Any, batch: Sequence[ItemT]) -> list[OutputT]:
        """One output an item, same order. An output must not depend on its neighbours."""

    @abstractmethod
    def merge(self, context: StageContext, inputs: Inputs, outputs: Iterator[OutputT]) -> Artifact:
        """Make the artifact from the outputs, which come in the order of `parts` and `split`."""
