"""The words by which a reader recognizes a recording on the report page."""

from __future__ import annotations

from reelmill.report.excerpt import excerpt


def test_the_cover_of_a_record_is_not_taken_for_the_words_of_a_recording(tmp_path):
    (tmp_path / "call.court.txt").write_text("TRANSCRIPT OF AUDIO RECORDING", "utf-8")
    (tmp_path / "call.txt").write_text("[A]: 여보세요.", "utf-8")
    assert excerpt(tmp_path, ["call.court.txt", "call.txt"]) == "[A]: 여보세요."
    assert excerpt(tmp_path, ["call.court.txt"]) == ""
