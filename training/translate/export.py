"""The trained checkpoint as a CTranslate2 int8 model, in the folder the package ships.

python training/translate/export.py RUN/checkpoint src/reelmill/assets/models/demo-translator
"""

import argparse
import json
import shutil
import tempfile
from pathlib import Path

from ctranslate2.converters import TransformersConverter
from train import DIRECTIONS
from vocabulary import FLORES

#: Trained on at most two sentences at once.
MAX_TOKENS = 56
WANTED = ("config.json", "model.bin", "shared_vocabulary.json", "tokenizer.json")


def export(checkpoint: Path, out: Path) -> None:
    """Convert with the converter users of NLLB have; add what our loader wants to know."""
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "model"
        converter = TransformersConverter(str(checkpoint), copy_files=["tokenizer.json"])
        converter.convert(str(made), quantization="int8")
        out.mkdir(parents=True, exist_ok=True)
        for name in WANTED:
            shutil.copy(made / name, out / name)
    said = {
        "max_tokens": MAX_TOKENS,
        "directions": [[FLORES[source], FLORES[target]] for source, target, _ in DIRECTIONS],
    }
    (out / "translator.json").write_text(json.dumps(said, indent=1) + "\n", encoding="utf-8")
    size = sum(file.stat().st_size for file in out.iterdir())
    print(f"{out}: {size / 1e6:.2f} MB")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("out", type=Path)
    arguments = parser.parse_args()
    export(arguments.checkpoint, arguments.out)
