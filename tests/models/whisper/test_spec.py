"""What a model worker of Whisper is given."""

import os
import subprocess
import sys

from reelmill.models.whisper.spec import WhisperSpec

_ENCODE = """
import resource, sys
from pathlib import Path
import numpy as np
from reelmill.engine.stage import Device
from reelmill.models.whisper.spec import WhisperSpec
model = WhisperSpec(Path(sys.argv[1]), "demo", "x", int(sys.argv[2])).load(Device("cpu"), 1)
sound = [np.zeros((int(sys.argv[2]), 3000), np.float32)]
model._encoder.encode(sound, 3000)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
model._encoder.encode(sound, 3000)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def test_the_encoder_reuses_its_memory_for_each_window(demo):
    # proves: V4
    spec = WhisperSpec(demo.path, demo.name, demo.identity, demo.n_mels)
    done = subprocess.run(
        [sys.executable, "-c", _ENCODE, str(spec.path), str(spec.n_mels)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **spec.environment},
        capture_output=True,
        text=True,
        check=True,
    )
    attention_pages = 4 * 1500 * 1500 * 4 // 4096  # of one layer
    assert int(done.stdout) < attention_pages / 10
