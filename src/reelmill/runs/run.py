"""A user's command from inputs to exit code: plan, run, write what was found, say how it went."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from reelmill.artifacts import Artifact, ExportedFile
from reelmill.core import gate
from reelmill.core.paths import user_cache
from reelmill.engine.config import EngineConfig
from reelmill.engine.execution.coordinator import Coordinator
from reelmill.engine.execution.planning import Found, Job, Source, found_in
from reelmill.engine.pipeline import Pipeline
from reelmill.engine.resources import policy
from reelmill.engine.resources.devices import DeviceChoice, choose_devices
from reelmill.engine.resources.monitor import NvmlDevices, machine_memory_mb, usable_cores
from reelmill.engine.stage import PartedFileStage
from reelmill.engine.telemetry.events import Emit, Noted
from reelmill.engine.telemetry.metrics import RunSummary
from reelmill.errors import NotOursError, ReelmillError, UsageError
from reelmill.media.limits import MediaLimits
from reelmill.pipelines.choices import BuildContext, PipelineBuilder
from reelmill.runs.reports import OUR_FILES, was_ours, write_reports
from reelmill.runs.signals import NUMBERS, held_back
from reelmill.runs.sources import search
from reelmill.settings import Settings

EXIT_DONE, EXIT_SOME_FAILED, EXIT_USAGE, EXIT_STOPPED = 0, 1, 2, 3
_MB = 1 << 20


@dataclass(frozen=True)
class Together:
    """A step after all recordings of a run, over the results of one type: `write` is given them
    and the output folder, and gives the files it wrote there."""

    reads: type[Artifact]
    write: Callable[[Sequence[Found], Path], list[ExportedFile]]


@dataclass(frozen=True)
class Outcome:
    """What a command came to."""

    summary: RunSummary
    exit_code: int
    out: Path


def run_command(
    inputs: Sequence[Path],
    settings: Settings,
    build: PipelineBuilder,
    emit: Emit,
    *,
    fresh: bool = False,
    together: Together | None = None,
    remarks: Callable[[Iterable[Path]], Iterable[str]] = lambda paths: (),
) -> Outcome:
    """Run a pipeline over the recordings meant by `inputs`, then a step over all of them.

    `remarks` are what to say of the recordings before any work is done.

    Raises:
        UsageError: nothing to work on, an output folder that cannot be written or is taken, a
            model or device that is not there.
    """
    out = Path(os.path.abspath(settings.out))
    found = search(inputs, out)

    def all_remarks(paths: Iterable[Path]) -> Iterator[str]:
        yield from found.remarks()
        yield from remarks(paths)

    with _opened(out, found.sources):
        return _run_on(found.sources, out, settings, build, emit, fresh, together, all_remarks)


def _run_on(
    sources: list[Source],
    out: Path,
    settings: Settings,
    build: PipelineBuilder,
    emit: Emit,
    fresh: bool,
    together: Together | None,
    remarks: Callable[[Iterable[Path]], Iterable[str]],
) -> Outcome:
    choice = choose_devices(settings.device, NvmlDevices().sample(()))
    if settings.origin:
        emit(Noted(settings.origin))
    emit(Noted(f"device: {choice.reason}"))
    notes: list[str] = []

    def say(text: str) -> None:
        notes.append(text)
        emit(Noted(text))

    for remark in remarks(source.path for source in sources):
        say(remark)
    pipeline = build(BuildContext(settings, choice, out, say))
    config = _config(settings, choice, pipeline, fresh)
    return asyncio.run(_run(pipeline, config, emit, sources, together, notes))


async def _run(
    pipeline: Pipeline,
    config: EngineConfig,
    emit: Emit,
    sources: list[Source],
    together: Together | None,
    notes: Sequence[str],
) -> Outcome:
    coordinator = Coordinator(pipeline, config, emit)

    def closing(summary: RunSummary) -> None:
        summary.notes = list(dict.fromkeys([*notes, *summary.notes]))
        worked = any(not outcome.reused for outcome in summary.outcomes)
        written: list[ExportedFile] = []
        if together is not None and summary.stopped is None:
            written = _over_all(together, coordinator.jobs, pipeline, config, summary)
        write_reports(config.out, summary, coordinator.jobs, written, anew=worked or bool(written))

    with _stopping_at_signals(coordinator):
        summary = await coordinator.run(sources, closing)
    return Outcome(summary, _exit_code(summary), config.out)


@contextlib.contextmanager
def _stopping_at_signals(coordinator: Coordinator) -> Iterator[None]:
    """Signals stop the run while it is there; then they mean again what they meant before."""
    loop = asyncio.get_running_loop()
    before = {number: signal.getsignal(number) for number in NUMBERS}
    for number, name in ((signal.SIGINT, "Ctrl-C"), (signal.SIGTERM, "SIGTERM")):
        reason = f"{name} (once more stops at once)" if number == signal.SIGINT else name
        loop.add_signal_handler(number, coordinator.stop, reason)
    try:
        yield
    finally:
        with held_back():
            for number, handler in before.items():
                loop.remove_signal_handler(number)
                signal.signal(number, signal.SIG_DFL if handler is None else handler)


def tell(outcome: Outcome, *, quiet: bool, as_json: bool) -> None:
    """Print the closing lines of a run."""
    if quiet or as_json:
        return
    from reelmill.report.text import closing_lines

    print("\n".join(closing_lines(outcome.summary, outcome.out)))


def _over_all(
    together: Together,
    jobs: Sequence[Job],
    pipeline: Pipeline,
    config: EngineConfig,
    summary: RunSummary,
) -> list[ExportedFile]:
    """What it cannot do costs no recording, and is said."""
    try:
        return together.write(found_in(jobs, pipeline, together.reads, config.cache), config.out)
    except (ReelmillError, OSError) as error:
        summary.warnings.append(f"not done over all recordings: {error}")
        return []


def _exit_code(summary: RunSummary) -> int:
    if summary.stopped is not None:
        return EXIT_STOPPED
    if summary.count("failed") or summary.unwritten:
        return EXIT_SOME_FAILED
    if any(outcome.changed for outcome in summary.outcomes):
        return EXIT_SOME_FAILED
    return EXIT_DONE


@contextlib.contextmanager
def _opened(out: Path, sources: Iterable[Source]) -> Iterator[None]:
    """The output folder, made if need be, is open for writing.

    Raises:
        UsageError: it cannot be made or written, or holds files that the run would replace.
    """
    with contextlib.ExitStack() as opened:
        try:
            opened.enter_context(gate.output(out, "", [source.path for source in sources]))
            gate.make_folder(out / gate.CACHE)
            gate.probe(out)
            taken = [gate.obstacle(out / name) for name in OUR_FILES if not was_ours(out / name)]
        except (OSError, NotOursError) as error:
            why = error.strerror if isinstance(error, OSError) else error
            raise UsageError(
                f"{out}: results cannot be written there ({why}); choose another folder with -o"
            ) from error
        if reason := next(filter(None, taken), None):
            raise UsageError(reason)
        yield


def _config(
    settings: Settings, choice: DeviceChoice, pipeline: Pipeline, fresh: bool
) -> EngineConfig:
    cores, limit = usable_cores(), settings.memory_limit / 100
    parts = any(isinstance(stage, PartedFileStage) for stage in pipeline.stages)
    gpus = sum(device.kind != "cpu" for device in choice.devices)
    workers = settings.workers or policy.default_workers(cores, cpu_parts=parts)
    worker_memory = policy.worker_memory_mb(machine_memory_mb()[1], limit, workers)
    media = MediaLimits(
        settings.max_tracks, settings.max_pixels, settings.max_silence, settings.max_stretch
    )
    return EngineConfig(
        out=Path(os.path.abspath(settings.out)),
        workers=workers,
        worker_memory_mb=settings.worker_memory or worker_memory,
        worker_environment=media.variables(),
        stall_timeout=settings.stall_timeout,
        cores=cores,
        threads=settings.threads,
        devices=choice.devices,
        device_reason=choice.reason,
        cpu_hosts_open=choice.cpu_hosts_open,
        devices_automatic=choice.automatic,
        memory_limit=limit,
        residency=settings.residency,
        footprints=user_cache() / "footprints.json",
        batch_size=min(settings.batch_size, settings.max_batch),
        max_batch=settings.max_batch,
        arena_bytes=(settings.arena or policy.default_arena_mb(gpus)) * _MB,
        fresh=fresh,
        keep_transient=settings.keep_audio,
    )
