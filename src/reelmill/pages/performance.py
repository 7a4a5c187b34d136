"""`performance.html`: what ran when on which device, and what limited the run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from reelmill import __version__
from reelmill.core.printable import printable
from reelmill.core.vectors import distinct
from reelmill.engine.telemetry.metrics import RunSummary
from reelmill.pages.environment import template
from reelmill.pages.language import Wording
from reelmill.report import wording
from reelmill.report.advice import Facts, Said, advice, limit_of
from reelmill.report.figures import figures, on_gpu
from reelmill.report.measurements import Curve, Lane, Measurements

#: Charts are this wide, in their own units; heights are 100.
_WIDTH = 600
_OTHER = "#8a9299"
#: The share of memory at which a run ends at once.
HIGH_MEMORY = 0.95
_COLOURS = (
    "#17596b", "#b9772f", "#5b7f3b", "#8a4fa3", "#b04a55", "#3d6fb0", "#8b7a2e", "#2f8f83",
)  # fmt: skip


@dataclass(frozen=True)
class Bar:
    """A rectangle of a lane in the chart's units."""

    x: float
    width: float
    height: float
    colour: str
    title: str


@dataclass(frozen=True)
class ShownLane:
    name: str
    device: str
    busy: str
    bars: list[Bar]


@dataclass(frozen=True)
class Chart:
    """A chart of shares over time: `paths` as colour, SVG path and name; `lines` as heights."""

    title: str
    note: str
    paths: list[tuple[str, str, str]]
    lines: list[tuple[float, str]]
    top: str


def render_performance(
    run: RunSummary, measured: Measurements, memory_limit: float, say: Wording
) -> str:
    """The page as HTML.

    Args:
        run: the summary.
        measured: what was measured in it.
        memory_limit: the share of memory above which a run stops.
        say: the wording.
    """
    names = {one.name: say.sentence(wording.stage_words(one.name, [one])) for one in run.stages}
    names["identify"] = say("performance.identify")
    facts = Facts(any(on_gpu(worker) for worker in run.model_workers), memory_limit, names)
    f = figures(run)
    colours = _stage_colours(measured)
    models = {worker.worker: worker.model for worker in run.model_workers}
    return template("performance.html").render(
        say=say,
        version=__version__,
        run=run,
        sentence=say(
            "performance.sentence",
            length=wording.clock(f.media_seconds),
            time=wording.clock(f.seconds),
            speed="–" if f.speed is None else wording.significant(f.speed),
        ),
        limit=_text(limit_of(measured, facts), "limit", say),
        advice=[_text(one, "advice", say) for one in advice(measured, facts)],
        lanes=[_lane(lane, measured, names, models, colours, say) for lane in measured.lanes],
        key=[
            *((colour, names.get(name, name)) for name, colour in colours.items()),
            *([(_OTHER, say("performance.other"))] if len(colours) < len(measured.stages) else []),
        ],
        ticks=_ticks(measured.seconds),
        charts=[chart for chart in _charts(measured, memory_limit, say) if chart.paths],
        batches=[
            {
                "stage": names.get(one.stage, one.stage),
                "figures": one,
                "rate": wording.significant(one.items / one.seconds) if one.seconds else "–",
                "padding": wording.percent(one.padding),
            }
            for one in measured.batches
        ],
    )


def _text(said: Said, kind: str, say: Wording) -> str:
    values = {name: printable(str(value)) for name, value in said.values.items()}
    return say(f"performance.{kind}.{said.name}", **values)


def _lane(
    lane: Lane,
    measured: Measurements,
    names: dict[str, str],
    models: dict[str, str],
    colours: dict[str, str],
    say: Wording,
) -> ShownLane:
    """A lane as bars: neighbours of one stage and height are one bar."""
    busy, stage = _columns(lane)
    bars: list[Bar] = []
    heights = np.round(busy * 10) / 10
    edges = np.flatnonzero(np.diff(heights) != 0) + 1
    edges = distinct(np.concatenate([edges, np.flatnonzero(np.diff(stage) != 0) + 1]))
    bounds = [0, *edges.tolist(), len(busy)]
    unit = _WIDTH / len(busy)
    for first, last in pairwise(bounds):
        if heights[first] > 0 and stage[first] >= 0:
            name = measured.stages[stage[first]]
            share = wording.percent(float(busy[first:last].mean()))
            start = first / len(busy) * measured.seconds
            title = f"{wording.clock(start)} {names.get(name, name)}, {share}"
            height = max(6.0, 100 * float(heights[first]))
            bars.append(
                Bar(
                    round(first * unit, 2),
                    round((last - first) * unit, 2),
                    round(height, 1),
                    colours.get(name, _OTHER),
                    title,
                )
            )
    name = models.get(lane.name, lane.name) or say("performance.pool", count=measured.workers)
    return ShownLane(printable(name), lane.device, wording.percent(float(lane.busy.mean())), bars)


def _stage_colours(measured: Measurements) -> dict[str, str]:
    """A colour for each of the stages that computed longest; the others share one."""
    seconds = np.zeros(len(measured.stages))
    for lane in measured.lanes:
        known = lane.stage >= 0
        seconds += np.bincount(lane.stage[known], lane.busy[known], minlength=len(seconds))
    longest = np.argsort(-seconds, kind="stable")[: len(_COLOURS)]
    return {
        measured.stages[number]: colour
        for number, colour in zip(longest, _COLOURS, strict=False)
        if seconds[number] > 0
    }


def _columns(lane: Lane) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """A lane in as many columns as the chart is wide: how busy, and the stage seen most."""
    steps = len(lane.busy)
    count = min(_WIDTH, steps)
    edges = np.linspace(0, steps, count + 1).astype(int)
    busy = np.add.reduceat(lane.busy, edges[:-1]) / np.diff(edges)
    stage = np.maximum.reduceat(lane.stage, edges[:-1])
    return busy, stage


def _charts(measured: Measurements, limit: float, say: Wording) -> list[Chart]:
    seconds = measured.seconds
    lines = [(limit, wording.percent(limit)), (HIGH_MEMORY, wording.percent(HIGH_MEMORY))]
    note = say(
        "performance.memory_note",
        limit=wording.percent(limit),
        high=wording.percent(HIGH_MEMORY),
    )
    charts = [
        Chart(
            say("performance.memory"),
            note,
            [
                *_path(measured.memory, seconds, _COLOURS[1], say("performance.machine")),
                *_path(measured.own_memory, seconds, _COLOURS[0], say("performance.run")),
            ],
            lines,
            "100 %",
        ),
        Chart(
            say("performance.cpu"),
            say("performance.cpu_note"),
            _path(measured.cpu, seconds, _COLOURS[0], say("performance.run")),
            [],
            "100 %",
        ),
    ]
    for index, curve in measured.devices.items():
        used = _path(curve, seconds, _COLOURS[1], say("performance.memory"))
        worked = _path(measured.utilization[index], seconds, _COLOURS[0], say("performance.busy"))
        charts.append(Chart(f"GPU {index}", note, [*used, *worked], lines, "100 %"))
    return [*charts, _throughput(measured, say)]


def _throughput(measured: Measurements, say: Wording) -> Chart:
    """Seconds of sound finished per second, in forty stretches of the run."""
    count = 40
    done, _ = np.histogram(
        measured.finished.times,
        bins=count,
        range=(0, max(measured.seconds, 1e-9)),
        weights=measured.finished.values,
    )
    rates = done / (max(measured.seconds, 1e-9) / count)
    most = float(rates.max(initial=0.0))
    width, path = _WIDTH / count, []
    for at, rate in enumerate(rates):
        if rate > 0:
            height = 100 * rate / most
            left, right = at * width + 0.5, (at + 1) * width - 0.5
            path.append(f"M{left:.1f} 100V{100 - height:.1f}H{right:.1f}V100Z")
    paths = [(_COLOURS[0], "".join(path), "filled")] if path else []
    note = say("performance.throughput_note")
    return Chart(say("performance.throughput"), note, paths, [], f"{wording.significant(most)} ×")


def _path(curve: Curve, seconds: float, colour: str, name: str) -> list[tuple[str, str, str]]:
    """A line through the values, thinned to the width of the chart."""
    if len(curve.times) < 2:
        return []
    every = max(1, len(curve.times) // _WIDTH)
    points = [
        f"{_WIDTH * min(1.0, time / seconds):.1f} {100 - 100 * min(1.0, max(0.0, value)):.1f}"
        for time, value in zip(curve.times[::every], curve.values[::every], strict=True)
    ]
    return [(colour, "M" + "L".join(points), name)]


def _ticks(seconds: float) -> Sequence[tuple[float, str]]:
    steps = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600, 7200, 18000, 36000)
    step = next((one for one in steps if seconds / one <= 10), 86400)
    return [
        (round(100 * at / max(seconds, 1e-9), 2), wording.clock(at))
        for at in range(0, int(seconds) + 1, step)
        if at < 0.96 * seconds
    ]
