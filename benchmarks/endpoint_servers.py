"""The servers that `benchmarks.endpoint` compares, each a process of its own.

    python -m benchmarks.endpoint_servers reelmill MODEL PORT FOLDER
    python -m benchmarks.endpoint_servers one-by-one MODEL PORT FOLDER

The second is the peer: faster-whisper with the same weights behind the same framework and HTTP
server, as such servers are written: the model is loaded once and has all cores, and one request
after the other is transcribed.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from pathlib import Path

import uvicorn
from fastapi import FastAPI, Form, UploadFile

TOKEN = "benchmark"


def reelmill(model: str, port: int, folder: Path) -> None:
    """Ours, as `reelmill serve` starts it."""
    from reelmill.web.server import make_server
    from reelmill.web.settings import WebSettings

    settings = WebSettings(data=folder, port=port, token=TOKEN, model=model)
    asyncio.run(make_server(settings).serve())


def one_by_one(model: str, port: int, folder: Path) -> None:
    """faster-whisper, one request after the other."""
    from faster_whisper import WhisperModel

    whisper = WhisperModel(model, device="cpu", compute_type="int8", cpu_threads=_cores())
    app, turn = FastAPI(), asyncio.Lock()

    def transcribe(path: str) -> str:
        segments, _ = whisper.transcribe(path)
        return " ".join(segment.text.strip() for segment in segments)

    @app.post("/v1/audio/transcriptions")
    async def transcriptions(file: UploadFile, model: str = Form()) -> dict[str, str]:
        with tempfile.NamedTemporaryFile(dir=folder) as upload:
            upload.write(await file.read())
            upload.flush()
            async with turn:
                return {"text": await asyncio.to_thread(transcribe, upload.name)}

    uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning")


def _cores() -> int:
    return len(os.sched_getaffinity(0))


SERVERS = {"reelmill": reelmill, "one-by-one": one_by_one}

if __name__ == "__main__":
    name, model, port, folder = sys.argv[1:]
    SERVERS[name](model, int(port), Path(folder))
