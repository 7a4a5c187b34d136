"""What CPU workers import if they are started before their pipeline is built."""

from __future__ import annotations

#: For the stages that recordings of speech always go through.
VOICE = (
    "reelmill.stages.media.decode",
    "reelmill.stages.media.probe",
    "reelmill.stages.speech.detect_speech",
    "reelmill.stages.speech.transcribe",
    "reelmill.stages.transcript.export",
    "reelmill.stages.review.page",
    "reelmill.stages.review.waveform",
    "onnxruntime",
    "pydantic",
)
#: For the stages that videos always go through.
FACES = (
    "reelmill.stages.media.probe",
    "reelmill.stages.media.index_video",
    "reelmill.models.faces.mtcnn",
    "reelmill.stages.faces.detect",
    "reelmill.stages.faces.track",
    "reelmill.models.faces.dlib",
    "reelmill.stages.faces.embed",
    "reelmill.stages.faces.identify_faces",
    "reelmill.stages.faces.name_persons",
    "reelmill.stages.clips.plan",
    "reelmill.stages.clips.render",
    "reelmill.stages.clips.write",
)
