"""What the API takes and gives. The OpenAPI document, and so docs/api.md, is made from these."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from reelmill.web.queue.options import RunOptions, TaskName

RunState = Literal["queued", "running", "paused", "stopping", "done", "failed", "cancelled"]
#: The events that a webhook can be sent.
WebhookEvent = Literal[
    "run.started", "run.done", "run.failed", "run.cancelled", "recording.done", "recording.failed"
]


class _Given(BaseModel):
    model_config = ConfigDict(extra="forbid")


class WebhookGiven(_Given):
    """Where events are sent (see "Webhooks")."""

    url: Annotated[str, StringConstraints(max_length=2000)] = Field(
        description="http or https. It must not lead into the server's own network, unless the "
        "server was started with --private-webhooks."
    )
    secret: Annotated[str, StringConstraints(min_length=24, max_length=200)] | None = Field(
        None,
        description="What events are signed with: base64 of at least 16 bytes, after `whsec_` or "
        "alone. Made by the server, and returned once, if not given.",
    )
    events: list[WebhookEvent] = Field(
        default=["run.done", "run.failed", "run.cancelled"],
        description="The events to send.",
    )


class NewRun(_Given):
    """A run to be made: of uploads, of files or folders below the root, or of both."""

    task: TaskName = Field("voice", description="What is done.")
    uploads: list[Annotated[str, StringConstraints(max_length=64)]] = Field(
        default_factory=list, max_length=2000, description="Ids of uploads."
    )
    paths: list[Annotated[str, StringConstraints(max_length=4000)]] = Field(
        default_factory=list,
        max_length=2000,
        description="Files and folders, as paths below the root; folders with all in them.",
    )
    options: RunOptions = RunOptions.model_validate({})
    out: Annotated[str, StringConstraints(max_length=4000)] | None = Field(
        None,
        description="Output folder, as a path below the root; a folder of the server's own if not "
        "given. Runs with the same folder go on one after the other.",
    )
    title: Annotated[str, StringConstraints(max_length=200)] | None = Field(
        None, description="For people; that of the first recording if not given."
    )
    priority: int = Field(0, ge=-10, le=10, description="Those with a higher number go first.")
    webhook: WebhookGiven | None = None


class Progress(BaseModel):
    """How far a run is that goes on."""

    share: float = Field(description="Of the work, 0 to 1, as far as it is known.")
    remaining_seconds: float | None = Field(description="None where nothing is known yet.")
    seconds: float = Field(description="Since it began.")
    memory_mb: float | None
    cpu_percent: float | None = Field(description="In percent of one core.")
    queued_items: int = Field(description="Items that wait for a model.")


class RunInfo(BaseModel):
    """A run."""

    id: str
    number: int = Field(description="In the order in which runs were made.")
    title: str
    task: TaskName
    owner: str = Field(description="Who made it.")
    state: RunState
    priority: int
    options: dict[str, Any] = Field(description="Those that were given.")
    created: float = Field(description="Seconds since 1970.")
    started: float | None
    ended: float | None
    error: str | None = Field(description="Why it failed.")
    recordings: int = Field(description="How many there are, as far as they were counted.")
    done: int
    failed: int
    findings: int = Field(description="Things that a reader of the results should know.")
    media_seconds: float = Field(description="Length of what is done.")
    notes: list[str]
    warnings: list[str]
    progress: Progress | None = Field(description="Only while it goes on.")
    results: str = Field(description="Where its index page is, once it is written.")
    out: str | None = Field(description="The output folder below the root, if one was chosen.")


class NewRunInfo(RunInfo):
    """A run that was just made."""

    webhook_secret: str | None = Field(
        None, description="What its events are signed with, if the server made it. Shown only once."
    )


class RunList(BaseModel):
    """Runs, the latest first."""

    runs: list[RunInfo]
    total: int


class ResultFile(BaseModel):
    """A result. `href` is its address on this server."""

    name: str
    href: str


class RecordingInfo(BaseModel):
    """A recording that is done or has failed."""

    number: int = Field(description="In the order in which they ended.")
    name: str = Field(description="Of its results, without suffix.")
    file: str = Field(description="Of the recording.")
    status: Literal["done", "failed"]
    media_seconds: float | None
    seconds: float = Field(description="From the start of work on it to the end.")
    language: str | None
    error: str | None
    findings: int
    page: str | None = Field(description="Its page, where it has one.")
    original: str = Field(description="The recording itself; ranges of bytes can be asked for.")
    files: list[ResultFile]


class Results(BaseModel):
    """The recordings of a run that have ended, and the files about the whole run."""

    run: RunInfo
    recordings: list[RecordingInfo]
    reports: list[ResultFile]


class UploadInfo(BaseModel):
    """A file that was sent, and that no run has yet."""

    id: str
    name: str
    size: int


class UploadList(BaseModel):
    """Your files that no run has yet."""

    uploads: list[UploadInfo]


class FolderEntry(BaseModel):
    """A folder, or a recording with its size in bytes."""

    name: str
    path: str
    size: int | None


class FolderListing(BaseModel):
    """What is in a folder below the root. `is_cut`: there is more than is listed."""

    path: str
    parent: str | None
    folders: list[FolderEntry]
    recordings: list[FolderEntry]
    is_cut: bool


class SearchHit(BaseModel):
    """A line that was found. `at` is the second of the recording, `href` the page at that
    second."""

    run: str
    title: str
    recording: str
    kind: str
    at: float | None
    speaker: str | None
    label: str | None
    text: str
    href: str | None


class SearchResult(BaseModel):
    """What was found; `is_cut`: there is more. `problems` could not be searched."""

    hits: list[SearchHit]
    is_cut: bool
    problems: list[str]


class Choices(BaseModel):
    """What a run may choose."""

    models: list[str]
    translators: list[str]
    formats: list[str]
    subtitle_formats: list[str]
    has_root: bool
    max_upload: int = Field(description="Bytes of the largest upload.")


class Machine(BaseModel):
    """What the server's machine is doing. Memory in MB."""

    devices: list[str]
    gpus: list[Gpu]
    memory_mb: float | None = Field(description="Of the processes of all runs.")
    machine_used_mb: float
    machine_total_mb: float
    cpu_percent: float | None = Field(description="In percent of one core.")
    models: list[str] = Field(description="Those that are loaded.")
    running: int
    queued: int


class Gpu(BaseModel):
    """A GPU, as its driver reports it."""

    device: str
    name: str
    used_mb: float
    total_mb: float
    utilization: float


class ErrorDetail(BaseModel):
    """`code` is for programs, `message` for people."""

    code: str
    message: str


class ErrorAnswer(BaseModel):
    """The answer to a request that is refused."""

    error: ErrorDetail


Machine.model_rebuild()
