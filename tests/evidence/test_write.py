"""The evidence of several runs on one folder."""

# proves: G14, G12 (evidence of an interrupted run)

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from reelmill.artifacts import ExportedFile
from reelmill.core.recording import FileState
from reelmill.evidence import EVIDENCE, OriginalRecord, add_results, verify, write_evidence
from reelmill.evidence.manifest import manifest_sha256, read_manifest
from reelmill.evidence.reading import read_evidence


def test_the_record_of_an_original_has_hashes_size_and_times(run):
    run.finish(["a.m4a"], ["a.txt"])
    entry = json.loads((run.out / EVIDENCE).read_text())["originals"]["../통화/a.m4a"]
    assert entry["before"] == entry["after"]
    assert set(entry["before"]) == {"sha256", "md5", "size", "mtime_ns"}
    assert entry["before_at"] == "1970-01-01T00:00:01+00:00"
    assert entry["after_at"] == "1970-01-01T00:00:02+00:00"
    assert entry["differences"] == []
    assert "earlier" not in entry


def test_evidence_of_several_runs_on_one_folder_is_merged(run):
    run.finish(["a.m4a"], ["a.txt"])
    run.finish(["b.m4a"], ["b.txt"])
    assert set(read_manifest(run.out)) == {
        "../통화/a.m4a",
        "../통화/b.m4a",
        "a.txt",
        "b.txt",
        EVIDENCE,
    }


def test_a_repeated_run_does_not_change_the_evidence(run):
    run.finish(["a.m4a"], ["a.txt"])
    first = (run.out / EVIDENCE).read_bytes()
    run.finish(["a.m4a"], ["a.txt"])
    assert (run.out / EVIDENCE).read_bytes() == first


def test_an_original_that_changed_between_runs_keeps_its_history(run):
    run.finish(["a.m4a"], [])
    (run.calls / "a.m4a").write_bytes(b"another sound")
    run.finish(["a.m4a"], [])
    run.finish(["a.m4a"], [])
    [entry] = read_evidence(run.out).originals.values()
    assert entry["before"]["size"] == 13
    assert [old["before"]["size"] for old in entry["earlier"]] == [5]


def test_an_original_that_changed_during_a_run_stays_on_record(run):
    record = run.original("a.m4a")
    assert record.after is not None
    changed = replace(record, after=replace(record.after, md5="f" * 32))
    for _ in range(2):
        write_evidence(run.out, [changed], [])
    write_evidence(run.out, [record], [])
    [entry] = read_evidence(run.out).originals.values()
    assert entry["differences"] == []
    assert len(entry["earlier"]) == 1
    assert entry["earlier"][0]["differences"][0].startswith("md5: ")


def test_a_run_without_a_second_hash_keeps_the_record(run):
    run.finish(["a.m4a"], [])
    record = run.original("a.m4a")
    write_evidence(run.out, [replace(record, after=None, after_at=None)], [])
    [entry] = read_evidence(run.out).originals.values()
    assert entry["after"] == entry["before"]


def test_an_original_that_vanished_is_recorded(run):
    record = replace(run.original("a.m4a"), after=None, problem="cannot be read any more")
    write_evidence(run.out, [record], [])
    [entry] = read_evidence(run.out).originals.values()
    assert entry["differences"] == ["cannot be read any more"]


def test_results_are_recorded_from_all_sources(run):
    run.result("b.txt")
    known = ExportedFile("a.txt", "1" * 64, 9)
    write_evidence(run.out, [], [known, "b.txt"])
    run.result("b.txt", "edited by hand")
    write_evidence(run.out, [], [], kept=["b.txt", run.result("c.txt"), known])
    results = read_evidence(run.out).results
    assert results["a.txt"].sha256 == "1" * 64
    assert results["b.txt"].size == 4, "a change between runs must not pass for our own work"
    assert results["c.txt"].size == 4


def test_a_missing_result_gives_a_warning(run):
    written = write_evidence(run.out, [], [run.out / "gone.txt", run.result("a.txt")])
    assert "gone.txt" in written.warnings[0]
    assert set(read_manifest(run.out)) == {"a.txt", EVIDENCE}


def test_a_damaged_record_is_set_aside(run):
    (run.out / EVIDENCE).write_text('{"schema": "reelmill.evidence/1", "originals": [')
    written = run.finish(["a.m4a"], [])
    assert "damaged" in written.warnings[0]
    assert len(list(run.out.glob("evidence.json.kept-*"))) == 1
    assert len(read_evidence(run.out).originals) == 1


def test_a_moved_original_continues_the_record_of_the_lost_one(run):
    # proves: G14
    run.finish(["a.m4a", "b.m4a"], ["a.txt"])
    moved = run.calls / "x" / "a.m4a"
    moved.parent.mkdir()
    (run.calls / "a.m4a").rename(moved)
    run.finish(["x/a.m4a", "b.m4a"], [])
    originals = read_evidence(run.out).originals
    assert set(originals) == {"../통화/x/a.m4a", "../통화/b.m4a"}
    [past] = originals["../통화/x/a.m4a"]["earlier"]
    assert past["name"] == "../통화/a.m4a"
    assert verify(run.out).ok


def test_a_lost_copy_stays_lost(run):
    # proves: G14
    run.finish(["a.m4a", "b.m4a"], [])
    (run.calls / "a.m4a").unlink()
    run.finish(["b.m4a"], [])
    assert {f.what for f in verify(run.out).findings} == {"missing"}
    run.finish(["c.m4a"], [])  # a new name, so the lost one has been found
    run.finish(["d.m4a"], [])  # another copy: nothing is lost any more
    assert set(read_evidence(run.out).originals) == {
        f"../통화/{name}.m4a" for name in ("b", "c", "d")
    }


def test_a_moved_original_is_matched_by_its_name_first(run):
    # proves: G14
    names = ["1.m4a", "2.m4a", "3.m4a"]
    run.finish(names, [])
    for name in names:
        (run.calls / name).unlink()
    (run.calls / "x").mkdir()
    run.finish(["x/3.m4a", "x/1.m4a", "x/2.m4a"], [])
    originals = read_evidence(run.out).originals
    assert {name: entry["earlier"][0]["name"] for name, entry in originals.items()} == {
        f"../통화/x/{name}": f"../통화/{name}" for name in names
    }


def test_links_on_the_way_to_an_original_are_on_record(run):
    # proves: G14
    (run.calls / "real").mkdir()
    (run.calls / "linked").symlink_to("real")
    run.finish(["linked/a.m4a", "b.m4a"], [])
    originals = read_evidence(run.out).originals
    assert originals["../통화/linked/a.m4a"]["links"] == ["../통화/linked"]
    assert originals["../통화/b.m4a"]["links"] == []
    assert verify(run.out).ok


def test_rewritten_results_are_recorded_after_writing(run):
    # proves: G14
    run.finish(["a.m4a"], ["report.html"])
    written = write_evidence(run.out, [], [], to_be_replaced=["report.html"])
    assert set(read_manifest(run.out)) == {"../통화/a.m4a", EVIDENCE}
    added = add_results(run.out, written, [run.result("report.html", "another")])
    assert read_evidence(run.out).results["report.html"].size == 7
    assert added.manifest_sha256 == manifest_sha256(run.out) != written.manifest_sha256


def test_evidence_of_ten_thousand_recordings_is_complete(run, tmp_path: Path):
    state = FileState("a" * 64, "b" * 32, 1, 2)
    originals = [
        OriginalRecord(tmp_path / "calls" / f"통화 {i}.m4a", state, 1.0, state, 2.0)
        for i in range(10_000)
    ]
    results = [ExportedFile(f"통화 {i}.{s}", "c" * 64, 3) for i in range(10_000) for s in "abcde"]
    write_evidence(run.out, originals, results)
    write_evidence(run.out, originals, [], kept=results)
    assert len(read_evidence(run.out).originals) == 10_000
    assert len(read_manifest(run.out)) == 60_001  # an original, five results each, the record
