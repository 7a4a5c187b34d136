"""How much overlapping speech is found with a lower threshold, and what that costs.

    python -m benchmarks.real.overlap REAL --json benchmarks/results/real_overlap.json

`REAL` as in `benchmarks.real.speakers`. The conversations are built of the half `tune` of the
people, because thresholds are chosen on it. Speech, stretches and people stay those of the product.
With each threshold, a second person is added where the mean probability of two at once, over the
windows that contain a moment, is higher. Errors as in `benchmarks.real.speakers`.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common import show, told_command, write_result
from benchmarks.diarize_alone import Turns
from benchmarks.real.recordings import speaker_sets
from benchmarks.real.speakers import scores, wave
from reelmill.artifacts import Artifact, Audio, SpeakerActivity, Voices
from reelmill.core import gate
from reelmill.core.recording import Recording, read_state
from reelmill.engine.execution.local import run_alone
from reelmill.engine.stage import Device, Inputs, StageContext
from reelmill.models.speakers.files import DEFAULT, encoder_spec, segmentation_spec
from reelmill.models.speakers.networks import Segmentation
from reelmill.stages.media.decode import Decode
from reelmill.stages.media.probe import Probe
from reelmill.stages.speakers.clustering import ClusteringOptions, cluster
from reelmill.stages.speakers.embed_speakers import EmbedSpeakers
from reelmill.stages.speakers.local_speakers import local_pairs
from reelmill.stages.speakers.segment_speakers import SegmentSpeakers
from reelmill.stages.speakers.speaker_turns import TurnOptions, turns_of
from reelmill.stages.speakers.utterances import goes_on

#: Least probabilities of two at once; the first is the product's.
THRESHOLDS = (0.5, 0.4, 0.3, 0.2, 0.15, 0.1, 0.05, 0.03)
_CPU = Device("cpu")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("real", type=Path, help="folder of real recordings")
    parser.add_argument("--dialogues", type=int, default=40)
    parser.add_argument("--meetings", type=int, default=20)
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="reelmill-overlap-") as folder:
        rows = _measured(options.real, Path(folder), options.dialogues, options.meetings)
    show("with a second person from a lower probability on", rows)
    write_result(options.json, {"command": told_command("benchmarks.real.overlap"), "rows": rows})


def _measured(real: Path, work: Path, dialogues: int, meetings: int) -> list[dict[str, Any]]:
    network = segmentation_spec(DEFAULT).load(_CPU, 1)
    rows = []
    for every in speaker_sets(real, work, ("tune",), dialogues=dialogues, meetings=meetings):
        if not any(one.turns for one in every.recordings):
            continue
        waves = {one.file: wave(one.file, work) for one in every.recordings}
        found = {file.name: _turns(file, work, network) for file in waves.values()}
        for threshold in THRESHOLDS:
            some = {name: turns[threshold] for name, turns in found.items()}
            row = scores(every, waves, some)
            rows.append({"what": every.name, "probability": threshold, **row})
    return rows


def _turns(file: Path, work: Path, network: Segmentation) -> Mapping[float, Turns]:
    """The turns found with each threshold."""
    gate.own(work)
    recording = Recording(file, file.stem, work, read_state(file))
    made: dict[type[Artifact], Artifact] = {}
    for first in (Probe(), Decode()):
        inputs = Inputs([made[kind] for kind in first.needs])
        made[first.produces] = run_alone(first, recording, inputs, _CPU)
    stage = SegmentSpeakers(segmentation_spec(DEFAULT))
    inputs = Inputs([made[Audio]])
    context = StageContext(recording, stage.name, "overlap")
    heard = [
        windows for item in stage.split(context, inputs) for windows in stage.infer(network, [item])
    ]
    activity = stage.merge(context, inputs, iter(heard))
    voices = run_alone(
        EmbedSpeakers(encoder_spec(DEFAULT)), recording, Inputs([made[Audio], activity]), _CPU
    )
    assert isinstance(voices, Voices)
    people = _people(activity, voices)
    found = {}
    for threshold in THRESHOLDS:
        scale = np.float16(THRESHOLDS[0] / threshold)
        scaled = [[replace(one, overlap=one.overlap * scale) for one in some] for some in heard]
        lower = stage.merge(context, inputs, iter(scaled))
        turns = turns_of(
            replace(activity, overlaps=lower.overlaps), voices.stretches, people, TurnOptions()
        )
        found[threshold] = [(turn.start, turn.end, turn.speaker) for turn in turns]
    return found


def _people(activity: SpeakerActivity, voices: Voices) -> list[int]:
    """The person of each stretch, as `Diarize` finds them."""
    seconds = np.array([stretch.duration for stretch in voices.stretches], np.float32)
    found: list[int] = cluster(
        voices.embeddings(),
        seconds,
        ClusteringOptions(),
        goes_on(voices.stretches, activity.changes),
        local_pairs(voices.stretches, activity.local),
    ).tolist()
    return found


if __name__ == "__main__":
    main()
