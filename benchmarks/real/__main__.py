"""All measurements on real recordings, one after the other; tables, and JSON into a folder.

    python -m benchmarks.real REAL [--model FOLDER] [--music FOLDER] [--human FOLDER]
        [--korean FOLDER] [--senko-python PYTHON] [--whisperx-python PYTHON] [--only NAME ...]
        [--json-folder benchmarks/results]

REAL is a folder of real recordings, FOLDER of `--model` a real Whisper in CTranslate2's format.
Parts that need what was not given are named and left out. A single part with more options:
`python -m benchmarks.real.NAME --help`.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("real", type=Path, help="folder of real recordings")
    parser.add_argument("--model", help="folder of a real Whisper model")
    parser.add_argument("--music", type=Path, help="folder of music")
    parser.add_argument("--human", type=Path, help="folder of laughs, coughs, moans")
    parser.add_argument("--korean", type=Path, help="folder of Korean .wav and .txt")
    parser.add_argument("--whisperx-python", type=Path, help="Python interpreter with WhisperX")
    parser.add_argument("--senko-python", type=Path, help="Python interpreter with senko installed")
    parser.add_argument("--only", nargs="+", help="names of the parts to measure")
    parser.add_argument("--json-folder", type=Path, help="write the figures to this file")
    options = parser.parse_args()
    parts = _parts(options)
    unknown = sorted(set(options.only or ()) - set(parts))
    if unknown:
        parser.error(f"no part {unknown[0]!r}; there are {', '.join(parts)}")
    failed = [name for name in options.only or parts if not _measured(name, parts[name], options)]
    if failed:
        raise SystemExit(f"not measured: {', '.join(failed)}")


def _parts(options: argparse.Namespace) -> dict[str, list[str] | str]:
    """The options of each part, or which one of ours it lacks."""
    real, model = str(options.real), ["--model", str(options.model)]
    call = options.real / "calls" / "repair-call-stereo.flac"
    senko = ["--senko-python", str(options.senko_python), "--loop"] if options.senko_python else []
    human = ["--human", str(options.human)] if options.human else []
    korean = ["--korean", str(options.korean)] if options.korean else []
    whisperx = ["--whisperx", str(options.whisperx_python)] if options.whisperx_python else []
    parts: dict[str, list[str] | str] = {"speakers": [real, *senko], "people": [real]}
    heard = [real, *model, *korean, *whisperx]
    parts["recognition"] = heard if options.model else "--model"
    parts["languages"] = model if options.model else "--model"
    parts["attributed"] = [real, *model] if options.model else "--model"
    parts["channels"] = [str(call), *model] if options.model else "--model"
    music = [real, *model, "--music", str(options.music), *human]
    parts["text"] = music if options.model and options.music else "--model and --music"
    return parts


def _measured(name: str, arguments: list[str] | str, options: argparse.Namespace) -> bool:
    if isinstance(arguments, str):
        print(f"{name}: left out, give {arguments}")
        return not options.only
    if options.json_folder:
        arguments += ["--json", str(options.json_folder / f"real_{name}.json")]
    done = subprocess.run(
        [sys.executable, "-m", f"benchmarks.real.{name}", *arguments], check=False
    )
    return done.returncode == 0


if __name__ == "__main__":
    main()
