"""Records as a court gets them: what they must contain, in each file that is written."""

# proves: V12

from __future__ import annotations

import io
import re
from dataclasses import replace
from itertools import pairwise

import docx
import pytest

from reelmill.artifacts import Span
from reelmill.artifacts.summary import Finding
from reelmill.core.text import columns
from reelmill.export.transcript import parse_formats, writer_for
from reelmill.export.transcript.case import Party
from reelmill.export.transcript.records import condition, japanese, korean

TURNS = [
    (0.0, 2.0, "여보세요.", "A"),
    (2.0, 4.0, "네, 돈은 언제 줘요?", "A"),
    (5.0, 6.0, "[laughter]", "B"),
    (65.0, 67.0, "다음 주에 드릴게요.", "B"),
]


def text_of(document, name):
    """All text of a record's DOCX, cell by cell, with its head and foot."""
    made = docx.Document(io.BytesIO(writer_for(name).content(document)))
    cells = [cell.text for table in made.tables for row in table.rows for cell in row.cells]
    section = made.sections[0]
    foot = section.footer.paragraphs[0]._p.xml
    return [p.text for p in made.paragraphs] + cells, section.header.paragraphs[0].text, foot


@pytest.fixture
def talk(record_of, make_segment):
    return record_of([make_segment(*turn) for turn in TURNS])


def test_one_name_asks_for_all_files_of_a_record():
    assert parse_formats(["nokchwirok,json"]) == ("json", "nokchwirok.docx", "nokchwirok.html")
    assert parse_formats(["court", "hanyaku.html"]) == ("hanyaku.html", "court.txt")


def test_nokchwirok_docx_has_cover_turns_identity_and_an_empty_last_page(talk):
    texts, head, foot = text_of(talk, "nokchwirok.docx")
    assert head == "초안" and "PAGE" in foot and "NUMPAGES" in foot
    pairs = dict(pairwise(texts))
    assert pairs["사건번호"] == "2026가단12345" and pairs["의뢰인"] == "홍길동"
    assert pairs["녹음 파일"] == "통화 녹음_250603.m4a" and pairs["녹취 범위"] == "전체"
    assert pairs["녹음 일시"] == "", "what nobody stated is left blank"
    assert texts[texts.index("A") :][:4] == ["A", "김철수", "회사 대표", "00:01:02"]
    at = texts.index("여보세요. 네, 돈은 언제 줘요?")
    assert texts[at - 1 : at + 2] == ["김철수", texts[at], "00:00:00"]
    assert texts[at + 3] == "[웃음] 다음 주에 드릴게요." and texts[at + 2] == "B"
    assert pairs["SHA-256"] == "ab" * 32 and pairs["MD5"] == "cd" * 16
    assert pairs["음성 인식 모델 SHA-256"] == "ef" * 32 + " (model.bin)"
    assert pairs["명령"] == "reelmill voice 통화 --formats nokchwirok"
    assert pairs["속기사 성명"].strip("　") == "(인)" and pairs["사무소 주소"] == ""


def test_nokchwirok_html_counts_its_pages_and_escapes(record_of, make_segment):
    hostile = record_of([make_segment(0, 1, "<script>alert(1)</script> & \x00", "K<b>")])
    page = writer_for("nokchwirok.html").render(hostile)
    assert 'counter(page) " / " counter(pages)' in page and "초안" in page
    assert "<script>" not in page and "&lt;script&gt;alert(1)" in page and "K&lt;b&gt;" in page
    assert "http" not in re.sub(r"http-equiv|<html[^>]*>", "", page), "no network"


def test_a_record_with_names_that_no_xml_can_hold_is_written(record_of, make_segment):
    odd = record_of([make_segment(0, 1, "a\udcffb\ufffe", "K\x07")])
    odd = replace(odd, source=replace(odd.source, name="\udcff통화\x1b.m4a"))
    texts, _, _ = text_of(odd, "nokchwirok.docx")
    assert r"\udcff통화\x1b.m4a" in texts or r"\udcff통화.m4a" in texts
    assert writer_for("hanyaku.html").content(odd)


def test_the_same_transcript_gives_the_same_file(talk):
    for name in ("nokchwirok.docx", "hanyaku.docx", "court.txt"):
        assert writer_for(name).content(talk) == writer_for(name).content(talk)


def test_excerpts_have_the_words_of_their_spans_only(record_of, timed_segment):
    said = [timed_segment(0, 4, "하나 둘 셋 넷", "A"), timed_segment(10, 12, "다섯 여섯", "B")]
    record = record_of(said, excerpts=(Span(1, 3), Span(10, 20)))
    texts, _, _ = text_of(record, "nokchwirok.docx")
    assert "발췌 (00:00:01 ~ 00:00:03, 00:00:10 ~ 00:00:20)" in texts
    assert "둘 셋" in texts and "다섯 여섯" in texts and "(중 략)" in texts
    assert not any("하나" in text or "넷" in text for text in texts)


def test_a_segment_without_word_times_is_in_the_excerpt_that_has_its_middle(
    record_of, make_segment
):
    record = record_of([make_segment(0, 4, "통째로", "A")], excerpts=(Span(0, 1), Span(1, 3)))
    texts, _, _ = text_of(record, "nokchwirok.docx")
    assert texts.count("통째로") == 1 and "(글로 옮긴 말이 없음)" in texts


def test_hanyaku_numbers_26_lines_a_page_alike_in_both_files(record_of, make_segment):
    said = [
        make_segment(3600 + 10 * n, 3605 + 10 * n, f"これは{n}番目の発言です。" * 4, "AB"[n % 2])
        for n in range(9)
    ]
    said.append(make_segment(3700, 3701, "[聴取不能]", "B"))
    record = record_of(said, "ja")
    page = writer_for("hanyaku.html").render(record)
    sheets = re.findall(r'<ol class="lines">(.*?)</ol>', page, re.DOTALL)
    lines = [re.findall(r'class="text">(.*?)</span>', sheet) for sheet in sheets]
    assert [len(sheet) for sheet in lines] == [26, 26]
    assert lines[0][0] == "（1時00分00秒）" and lines[0][1].startswith("김철수　これは0番目の")
    assert any(line == "B　…" for line in lines[1])
    assert all(columns(line) <= 74 for sheet in lines for line in sheet)
    assert not any(line[:1] in "。、" for sheet in lines for line in sheet if line)
    texts, head, _ = text_of(record, "hanyaku.docx")
    assert head == "下書き" and all(line in texts for sheet in lines for line in sheet)


def test_court_text_is_ascii_with_25_numbered_lines_and_form_feeds(record_of, make_segment):
    said = [make_segment(n, n + 1, "“Naïve” — we’ll pay £5… " * 3, "AB"[n % 2]) for n in range(20)]
    written = writer_for("court.txt").content(record_of(said, "en"))
    sheets = written.decode("ascii").split("\f")
    assert len(sheets) == 4
    for number, sheet in enumerate(sheets, 1):
        head, *lines, end = sheet.split("\n")
        assert head.strip() == str(number) and end == ""
        assert [int(line[:2]) for line in lines] == list(range(1, 26))
        assert max(map(len, lines)) <= 65
    assert "DRAFT -- MACHINE TRANSCRIPT, NOT CERTIFIED" in sheets[0]
    assert 'SPEAKER A:  "Naive" -- we\'ll pay GBP 5...' in sheets[1]
    assert not re.search(r"\d\d:\d\d", "".join(sheets[1:3])), "no times in the text"
    assert "CERTIFICATE" in sheets[3] and "_" * 20 in sheets[3]


def test_court_text_marks_what_ascii_cannot_hold(talk):
    text = writer_for("court.txt").render(talk)
    assert text.isascii() and "SPEAKER A:  [not in ASCII]" in text


@pytest.mark.parametrize(
    ("date", "shown"),
    [
        ("2026-03-14 09:05", "2026-03-14 09:05〜09:06:42"),
        ("2026-03-14 23:59", "2026-03-14 23:59〜2026-03-15 00:00:42"),
        ("2026-03-14", "2026-03-14"),
        ("令和八年三月十四日", "令和八年三月十四日"),
        (None, ""),
    ],
)
def test_hanyaku_says_when_a_recording_began_and_ended(talk, date, shown):
    transcript = replace(talk.transcript, duration=102.3)
    made = replace(talk, case=replace(talk.case, date=date), transcript=transcript)
    texts, _, _ = text_of(made, "hanyaku.docx")
    assert dict(pairwise(texts))["録音日時（開始・終了）"] == shown


@pytest.fixture
def torn(talk):
    """The talk of a file that breaks off after a third."""
    text = "ends after 102.0 s; its header states 300.0 s"
    talk.transcript.findings = [Finding("truncated", 102.0, 300.0, text=text, severity="grave")]
    return talk


def test_a_record_of_a_recording_that_is_not_whole_does_not_claim_to_be_of_the_whole(torn):
    pairs = dict(pairwise(text_of(torn, "nokchwirok.docx")[0]))
    assert "전체" not in pairs["녹취 범위"].split() and "녹음 상태" in pairs["녹취 범위"]
    assert pairs["녹음 상태"] == "파일이 도중에 끊겨 이후의 소리가 없음 (00:01:42 – 00:05:00)"
    japanese = writer_for("hanyaku.html").render(torn)
    assert "全部" not in japanese and "（0時01分42秒" not in japanese
    assert "ファイルが途中で切れ、以降の音声がない (0時01分42秒 – 0時05分00秒)" in japanese
    american = " ".join(re.sub(r"\n *\d+ +", " ", writer_for("court.txt").render(torn)).split())
    assert "the whole recording" not in american
    assert f"Condition: truncated: {torn.transcript.findings[0].text}" in american


def test_every_damage_has_words_in_every_language():
    for words in (korean._DAMAGE, japanese._DAMAGE):
        assert set(words) == set(condition._IS_MISSING)


def test_court_text_lists_everybody_who_speaks_and_nobody_else(talk):
    case = replace(talk.case, speakers=(Party("A", "Kim", None), Party("Z", "Nobody", None)))
    text = writer_for("court.txt").render(replace(talk, case=case))
    listed = text.split("Speakers:")[1].split("\f")[0]
    assert re.findall(r"  (\S+):", listed) == ["A", "B"] and "Nobody" not in listed
