"""What pages send and get."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Text = Annotated[str, Field(max_length=20_000)]


class Operation(BaseModel):
    """One thing that a person wants to be otherwise.

    Texts and speakers are as the page shows them. `words`: another text of a segment. `speaker`:
    somebody else speaks between two times. `name`: a speaker is called otherwise everywhere; if
    another speaker is called that already, they become one. `split`: a segment ends before the word
    that is said at `start`. `merge`: the segments between two times become one.
    """

    model_config = ConfigDict(extra="forbid")

    kind: Literal["words", "speaker", "name", "split", "merge"]
    start: float = Field(0.0, ge=0, allow_inf_nan=False)
    end: float = Field(0.0, ge=0, allow_inf_nan=False)
    was: Text = ""
    now: Text = ""


class Change(BaseModel):
    """Corrections to be made together, or one to be taken back.

    `version` is that of the text they were made on.
    """

    model_config = ConfigDict(extra="forbid")

    version: str = Field(max_length=64)
    edits: list[Operation] = Field(default_factory=list, max_length=500)
    undo: int | None = Field(None, ge=1, description="the number of the correction to take back")


class Correction(BaseModel):
    """A correction that was made."""

    number: int
    kind: str
    start: float
    end: float
    was: str
    now: str
    by: str
    at: str


class Corrections(BaseModel):
    """All corrections of a recording. `page`: when its page was written. `files` are those
    written by the last change."""

    version: str
    page: int
    person: str
    corrections: list[Correction]
    files: list[str] = Field(default_factory=list)
