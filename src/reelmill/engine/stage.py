"""The stage contract: what a stage declares and implements."""

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
    """A unit of model work. `cost` is in the stage's own unit (seconds, tokens, pixels)."""

    @property
    def cost(self) -> float:
        """The cost of inference, more than 0. Items of similar cost are batched together."""


ItemT = TypeVar("ItemT", bound=Item)
OutputT = TypeVar("OutputT")


@dataclass(frozen=True)
class Need:
    """A need that a type alone cannot express: `exactly`, `optional` or `every`."""

    kind: type[Artifact]
    how: Literal["exactly", "optional", "every"]


def exactly(kind: type[Artifact]) -> Need:
    """This type, and no type derived from it."""
    return Need(kind, "exactly")


def optional(kind: type[Artifact]) -> Need:
    """The most derived artifact of a type, if the pipeline has one."""
    return Need(kind, "optional")


def every(kind: type[Artifact]) -> Need:
    """All artifacts of a type, possibly none."""
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
        """As `[kind]`, but None if there is none."""
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
    """A model and how to load it. Equal specs share one model worker.

    A spec is pickled to the model worker's process; heavy imports belong inside `load`.
    """

    #: The purpose in a word or two: `recognizer`, `translator`.
    purpose: ClassVar[str] = ""

    @property
    @abstractmethod
    def name(self) -> str:
        """The name that the user knows."""

    @property
    def display_name(self) -> str:
        """Purpose and name, for notes and reports, because several models may be called `demo`."""
        return f"{self.purpose} {self.name}".strip()

    @property
    @abstractmethod
    def identity(self) -> str:
        """A text that changes when the weights or their use would change the results."""

    @property
    def python(self) -> str | None:
        """The interpreter of the environment that has its libraries; None for the current one.

        In another environment, only the standard library, its own packages, and the packages of the
        spec and its stages can be imported.
        """
        return None

    @property
    def environment(self) -> Mapping[str, str]:
        """Environment variables of its model worker."""
        return {}

    @abstractmethod
    def load(self, device: Device, threads: int) -> Any:
        """Load the model onto `device`. On the CPU, compute with `threads` threads.

        Raises:
            ModelUnavailableError: the weights are not available; the message names the ways out.
        """

    def unsupported_reason(self, device_kind: str) -> str:
        """Why the model cannot compute on such a device, and what helps. Empty if it can."""
        return ""

    def supports(self, device_kind: str) -> bool:
        """Whether the model can compute on such a device. A model that cannot goes to the CPU."""
        return not self.unsupported_reason(device_kind)

    @property
    def lightweight(self) -> bool:
        """Whether the model loads quickly and computes in many short steps. One model worker then
        cannot fill a GPU, so several share it. On the CPU, the gain from threads is measured.
        """
        return False

    @property
    def loads_quickly(self) -> bool:
        """Whether another model worker is ready within about half a second. On the CPU the model
        then starts with one, and gets more when it holds up the work.
        """
        return self.lightweight

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to load, so that its stage never has an item and no model worker
        is started: an aligner where no language has one.
        """
        return False

    def memory_mb(self, device_kind: str) -> float:
        """The memory in MB that a model worker needs on such a device; 0 if unknown."""
        return 0.0

    def warm_up(self, model: Any) -> None:  # noqa: B027 (a model may need none)
        """Infer something small, so that a model that loads but cannot compute fails at once."""


@dataclass(frozen=True)
class StageContext:
    """What a stage works on: a recording, or a part of one.

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
        """The folder of the recording's artifacts and the files beside them."""
        return self.recording.folder

    def sidecar(self, name: str) -> str:
        """The name under which the artifact refers to a file beside it. The name distinguishes
        results of different settings and versions.

        Args:
            name: what the file is among the stage's own, as `boxes.npz`.
        """
        return f"{self.stage}-{self.key[:16]}.{name}"

    def path(self, name: str) -> Path:
        """The path for writing the sidecar `name`."""
        return self.folder / self.sidecar(name)


@dataclass(frozen=True)
class Stage(ABC):
    """A step of a pipeline. Its dataclass fields are its settings.

    A result is reused only for the same content, settings, model and `version`. Declare a field
    that cannot change the result with `setting(affects_result=False)`.
    """

    name: ClassVar[str]
    version: ClassVar[int]
    #: What it does in plain words, for progress and reports: "Recognizing speech".
    display_name: ClassVar[str] = ""
    #: The commands that have this stage, or to which it can be added.
    commands: ClassVar[tuple[str, ...]] = ()
    #: The settings that name the models on which its result depends.
    models: ClassVar[tuple[str, ...]] = ()
    #: The setting and value with which a command has this stage; None: it always has it.
    enabled_by: ClassVar[tuple[str, Any] | None] = None
    #: The options of a stage from another package: a dataclass with defaults.
    option_type: ClassVar[type[Any] | None] = None
    #: The artifacts it reads. A type means the most derived artifact of that type that the pipeline
    #: makes before this stage: `Transcript` is the transcript with speakers if there is one.
    needs: ClassVar[tuple[type[Artifact] | Need, ...]] = ()
    produces: ClassVar[type[Artifact]]
    #: Results are named after the recording (exports), not only by its content.
    named_outputs: ClassVar[bool] = False
    #: It shows what people corrected: `reelmill correct` makes its result again.
    corrected: ClassVar[bool] = False
    #: With `corrected`: a model reads its result, so only a run makes it and what follows again.
    feeds_models: ClassVar[bool] = False
    #: Files beside its artifact are removed when the recording is finished, and made again on
    #: demand.
    temporary: ClassVar[bool] = False

    @classmethod
    def from_options(cls, options: Any) -> Stage:
        """Create the stage with the user's options, for stages from other packages.

        Args:
            options: an instance of `option_type`, None where the stage has none.

        Raises:
            ReelmillError: a model is not available, or an option does not fit.
        """
        return cls() if options is None else cls(**vars(options))

    def parts(self, context: StageContext, inputs: Inputs) -> Sequence[Any]:
        """The parts of a recording that can be processed at the same time. They must be the same
        for the same inputs, and there may be none. By default the recording is one part.

        Parts must be small and picklable. Put files and arrays into the recording's folder.
        """
        return (None,)

    @property
    def parted(self) -> bool:
        """Whether it has parts of its own."""
        return type(self).parts is not Stage.parts

    def fingerprint(self) -> dict[str, Any]:
        """The settings that affect the result."""
        return {
            f.name: _plain(getattr(self, f.name))
            for f in dataclasses.fields(self)
            if f.metadata.get("affects_result", True)
        }

    def own_key(self, recording: Recording) -> str:
        """What else decides the result of one recording: a digest of what people corrected, for
        example. It becomes part of the key. Empty for nothing.
        """
        return ""

    def claims(self, name: str) -> list[str]:
        """The paths below the output folder that results of a recording named `name` may take. The
        name of a folder ends in `/`.
        """
        return []

    def files(self, recording: Recording, artifact: Artifact) -> list[Path]:
        """Files beside the JSON without which the artifact is incomplete."""
        return [recording.folder / name for name in artifact.sidecars()]


def setting(default: Any, *, affects_result: bool = True) -> Any:
    """Declare whether a stage's field affects its result."""
    return field(default=default, metadata={"affects_result": affects_result})


def _plain(value: Any) -> Any:
    """A setting with its model specs as their identities and its dataclasses as dicts."""
    if isinstance(value, ModelSpec):
        return value.identity
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: _plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, tuple):
        return tuple(_plain(one) for one in value)
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    return value


@dataclass(frozen=True)
class FileStage(Stage):
    """A stage without a model. `run` makes the artifact in a process of the CPU pool.

    With `parts` of its own, `run` makes a piece for `context.part`, and `join` makes the artifact
    from all pieces.
    """

    @abstractmethod
    def run(self, context: StageContext, inputs: Inputs) -> Any:
        """Make the artifact of a recording, or the piece for one part of it."""

    def join(self, context: StageContext, inputs: Inputs, pieces: Sequence[Any]) -> Artifact:
        """Make the artifact from all pieces, in the order of `parts`."""
        (artifact,) = pieces
        assert isinstance(artifact, Artifact)
        return artifact


@dataclass(frozen=True)
class ModelStage(Stage, Generic[ItemT, OutputT]):
    """A stage with a model: `split` and `merge` run in the CPU pool, `infer` in a model worker."""

    #: The largest number of items in a batch; None: the engine's maximum.
    max_batch_size: ClassVar[int | None] = None
    #: Seconds that a unit of cost may take before the worker counts as hung. Needed if items are
    #: too large for the engine's own estimate.
    timeout_per_cost: ClassVar[float] = 0.0
    #: Whether its outputs mean something to people before the recording is done; for stages without
    #: parts.
    previewed: ClassVar[bool] = False

    model: ModelSpec

    @property
    def inferring(self) -> Any:
        """The settings that `infer` reads, as a value that can be compared. In an engine that
        several runs share, items of stages of the same class with the same model and the same value
        are inferred in the same batches. By default all settings.
        """
        return self

    @abstractmethod
    def split(self, context: StageContext, inputs: Inputs) -> Iterator[ItemT]:
        """Cut a recording, or `context.part` of it, into items, lazily and always in the same way.
        There may be no items.

        `merge` finds the value that the generator returns, which must be small and picklable, in
        `context.handed`.
        """

    @abstractmethod
    def infer(self, model: Any, batch: Sequence[ItemT]) -> list[OutputT]:
        """Return one output per item, in the same order. An output must not depend on other
        items.
        """

    @abstractmethod
    def merge(self, context: StageContext, inputs: Inputs, outputs: Iterator[OutputT]) -> Artifact:
        """Make the artifact from the outputs, which come in the order of `parts` and `split`."""
