"""녹취록: a Korean record of a recording, as stenographers' offices write it, as a draft.

No statute fixes the form. What it contains follows the practice of Korean courts and offices:
cover, dialogue turn by turn, a last page for the certified stenographer, and a page with what
shows that the recording is the original (Supreme Court 2013도2511).
"""

from __future__ import annotations

from collections.abc import Iterator

from reelmill.core.times import clock
from reelmill.export.transcript.case import Case
from reelmill.export.transcript.document import Document
from reelmill.export.transcript.provenance import Provenance
from reelmill.export.transcript.records.condition import damage_rows, is_whole
from reelmill.export.transcript.records.content import (
    Block,
    Heading,
    PageBreak,
    Paragraph,
    Record,
    Space,
    Statement,
    Table,
)
from reelmill.export.transcript.records.rows import model_rows, setting_rows, speaker_rows
from reelmill.export.transcript.records.statements import (
    Turn,
    shown_name,
    turns,
)

_EVENTS = {
    "music": "음악",
    "laughter": "웃음",
    "applause": "박수",
    "cough": "기침",
    "crying": "울음",
    "breath": "숨소리",
    "noise": "소음",
    "silence": "침묵",
}
_LABEL = "발언자"
_PURPOSES = {"recognizer": "음성 인식", "aligner": "단어 시각"}
_SETTINGS = {
    "model": "음성 인식 모델",
    "language": "언어",
    "compute_type": "연산 형식",
    "translate": "영어 번역",
    "beam_size": "탐색 폭(beam)",
    "temperature": "온도(temperature)",
    "second_opinion": "재청취",
    "initial_prompt": "사전 문구",
    "hotwords": "예상 단어",
    "aligner": "정렬 모델",
}
_DAMAGE = {
    "truncated": "파일이 도중에 끊겨 이후의 소리가 없음",
    "missing sound": "소리가 빠진 구간이 있음",
    "damaged sound": "손상되어 읽지 못한 소리가 있음",
    "sound not read": "읽지 못한 소리가 있음",
    "late track": "도중에 시작되어 읽지 않은 트랙이 있음",
    "joined recordings": "여러 녹음을 이어 붙인 파일임",
    "doubtful times": "이후의 시각이 확실하지 않음",
    "beyond its header": "파일 정보에 적힌 길이보다 소리가 긺",
}
_DRAFT = (
    "이 문서는 자동 음성 인식으로 작성한 초안(참고용)입니다. 속기사가 녹음과 대조하여 확인하고 "
    "날인하기 전에는 녹취록으로서의 효력이 없습니다. 짧은 추임새나 겹친 말은 빠져 있을 수 있습니다."
)
_MARKS = (
    "[ ] 안은 말이 아닌 소리이거나, [불명]은 알아들을 수 없는 부분입니다. 시각은 녹음의 처음부터 "
    "잰 시:분:초입니다."
)


def nokchwirok(document: Document, case: Case, provenance: Provenance) -> Record:
    """The record of one recording.

    Args:
        document: the transcript, with marks for what is no text.
        case: what is known of this recording.
        provenance: how the transcript was made.
    """
    name = shown_name(document)
    blocks = [
        *_cover(document, case),
        *_body(document, case),
        *_identity(document, provenance),
        *_confirmation(),
    ]
    return Record(f"녹취록 {name}", "ko", "초안", "바탕", blocks)


def _cover(document: Document, case: Case) -> Iterator[Block]:
    yield Heading("녹 취 록", 0)
    yield Paragraph("(초안)", "center")
    spans = ", ".join(f"{_when(one.start)} ~ {_when(one.end)}" for one in case.excerpts)
    rows = [
        ("사건번호", case.number or ""),
        ("법원", case.court or ""),
        ("사건명", case.title or ""),
        ("의뢰인", case.client or ""),
        ("녹음 파일", shown_name(document)),
        ("녹음 일시", case.date or ""),
        ("녹음 장소", case.place or ""),
        ("녹음 길이", _when(document.transcript.duration)),
        ("녹음 매체", case.medium or ""),
        ("녹취 범위", f"발췌 ({spans})" if spans else _extent(document)),
        *damage_rows(document, "녹음 상태", _DAMAGE, _when),
    ]
    yield Table(rows)
    yield Heading("발언자")
    yield Table(
        list(speaker_rows(document, case, _LABEL, _when)),
        ("표시", "성명", "지위·관계", "발언 시간"),
    )
    yield Paragraph(_DRAFT, small=True)
    yield Paragraph(_MARKS, small=True)


def _extent(document: Document) -> str:
    return "전체" if is_whole(document) else "파일에서 읽을 수 있었던 부분 (녹음 상태 참조)"


def _body(document: Document, case: Case) -> Iterator[Block]:
    yield PageBreak()
    yield Heading("녹취 내용")
    excerpts = list(turns(document, case, _EVENTS))
    for number, said in enumerate(excerpts):
        if number:
            yield Paragraph("(중 략)", "center")
        if not said:
            yield Paragraph("(글로 옮긴 말이 없음)", "center")
        for turn in said:
            yield _statement(turn, case)
    yield Paragraph("- 이상 -", "center")


def _statement(turn: Turn, case: Case) -> Statement:
    party = case.party(turn.speaker)
    return Statement((party and party.name) or turn.speaker or _LABEL, _when(turn.start), turn.text)


def _identity(document: Document, provenance: Provenance) -> Iterator[Block]:
    source = document.source
    changed = source.modified
    yield PageBreak()
    yield Heading("원본 동일성 확인")
    yield Paragraph(
        "아래 값은 이 녹취록을 만든 녹음 파일에서 계산하였습니다. 제출하는 파일의 해시값이 같으면 "
        "내용이 같은 파일입니다."
    )
    yield Table(
        [
            ("파일 이름", shown_name(document)),
            ("크기", f"{source.size:,} 바이트"),
            ("파일 수정 시각", f"{changed:%Y-%m-%d %H:%M:%S} UTC" if changed else ""),
            ("MD5", source.md5),
            ("SHA-256", source.sha256),
            ("프로그램", f"Reelmill {provenance.version}"),
            ("명령", provenance.command or "(프로그램에서 라이브러리로 실행)"),
            *model_rows(provenance, _PURPOSES, " 모델 식별값", " 모델 SHA-256"),
            *setting_rows(document, _SETTINGS),
        ]
    )
    yield Paragraph("위와 같이 원본과 제출본의 해시값이 같음을 확인합니다.")
    yield Space(1)
    yield Table([("확인 일자", ""), ("확인자 성명", ""), ("서명 또는 날인", "")])


def _confirmation() -> Iterator[Block]:
    yield PageBreak()
    yield Heading("속기사 확인")
    yield Paragraph(
        "위 녹취록은 의뢰인이 제출한 녹음의 내용을 더함과 뺌이 없이 그대로 기록하였음을 확인합니다."
    )
    yield Paragraph(
        "(속기사가 녹음과 대조한 뒤 작성하는 면입니다. 초안에서는 비워 둡니다.)", small=True
    )
    yield Space(2)
    yield Table(
        [
            ("작성 일자", "　　　　년　　월　　일"),
            ("속기사 성명", "　　　　　　　　　　(인)"),
            ("국가기술자격(한글속기) 번호", ""),
            ("사무소 명칭", "　　　　　　　　　　(직인)"),
            ("사무소 주소", ""),
            ("사업자등록번호", ""),
        ]
    )
    yield Paragraph("각 면 사이에는 간인합니다.", small=True)


def _when(seconds: float) -> str:
    return clock(int(seconds) * 1000, ".")[:-4]
