"""Persons of a video as other programs read them."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from reelmill.artifacts import Clip, Span, read_persons
from reelmill.errors import UsageError
from reelmill.export.faces.writers import FacesDocument, faces_writer
from reelmill.export.source import Source
from reelmill.pages.faces import FacesPage
from tests.stages.faces.people import persons_of


def document(folder: Path) -> FacesDocument:
    """A is in frames 0 and 1, B, who has a name, in frame 1."""
    tracks = {"A": {0: (100.0, 60.0), 1: (101.26, 60.0)}, "B": {1: (30.0, 40.0)}}
    persons = persons_of(
        folder, [0.0, 0.04, 0.08], tracks, size=(320, 240), names={"B": "<김, 민수>"}
    )
    clips = [Clip("폴더/a?b.clips/person A.mp4", ["A"], [Span(0, 0.08)], 2, 0.08, True, "x264")]
    source = Source("a?b.mp4", "0" * 64, "0" * 32, 9, 0)
    return FacesDocument(persons, read_persons(folder, persons), source, clips)


def test_mot_text_counts_from_one_in_order_of_frames(tmp_path: Path) -> None:
    # proves: F3
    assert faces_writer("mot").render(document(tmp_path)).splitlines() == [
        "1,1,80,40,40,40,1,-1,-1,-1",
        "2,1,81.3,40,40,40,1,-1,-1,-1",
        "2,2,10,20,40,40,1,-1,-1,-1",
    ]


def test_csv_has_a_row_for_each_person_and_frame(tmp_path: Path) -> None:
    # proves: F3
    rows = list(csv.DictReader(io.StringIO(faces_writer("csv").render(document(tmp_path)))))
    assert [(row["person"], row["name"], row["frame"]) for row in rows] == [
        ("A", "", "0"),
        ("A", "", "1"),
        ("B", "<김, 민수>", "1"),
    ]
    assert float(rows[1]["x"]) == 81.3 and float(rows[1]["time"]) == 0.04


def test_csv_marks_names_that_are_formulas_as_text(tmp_path: Path) -> None:
    shown = document(tmp_path)
    shown.persons.persons[1].name = "=cmd|' /C calc'!A0"
    rows = list(csv.DictReader(io.StringIO(faces_writer("csv").render(shown))))
    assert {row["name"] for row in rows} == {"", "'=cmd|' /C calc'!A0"}


def test_json_has_all_data_and_is_valid(tmp_path: Path) -> None:
    # proves: F3
    content = json.loads(faces_writer("json").render(document(tmp_path)))
    assert content["persons"][1]["boxes"] == [[1, 0.04, 10.0, 20.0, 40.0, 40.0]]
    assert content["clips"][0]["shows"] == [[0, 0.08]]


def test_the_page_escapes_names_and_uses_relative_links(tmp_path: Path) -> None:
    # proves: F7
    page = FacesPage("폴더/a?b").render(document(tmp_path))
    assert 'href="a%3Fb.clips/person%20A.mp4' in page
    assert "&lt;김, 민수&gt;" in page and "<김" not in page
    assert "http://" not in page and "https://" not in page


def test_an_unknown_format_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UsageError, match="json, csv, mot"):
        faces_writer("xml")
