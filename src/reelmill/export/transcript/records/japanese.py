"""反訳書: a Japanese record of a recording, handed in together with it, as a draft.

Lines are those of a Japanese court document: 37 full-width characters, 26 lines a page.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from reelmill.export.transcript.case import Case
from reelmill.export.transcript.document import Document
from reelmill.export.transcript.provenance import Provenance
from reelmill.export.transcript.records.condition import damage_rows, is_whole
from reelmill.export.transcript.records.content import (
    Block,
    Heading,
    NumberedPage,
    PageBreak,
    Paragraph,
    Record,
    Space,
    Table,
)
from reelmill.export.transcript.records.lines import pages, wrapped
from reelmill.export.transcript.records.rows import model_rows, setting_rows, speaker_rows
from reelmill.export.transcript.records.statements import shown_name, turns

LINES_PER_PAGE = 26
_COLUMNS = 2 * 37
_EVENTS = {
    "music": "音楽",
    "laughter": "笑い",
    "applause": "拍手",
    "cough": "咳",
    "crying": "泣き声",
    "breath": "息",
    "noise": "雑音",
    "silence": "沈黙",
}
_LABEL = "話者"
_PURPOSES = {"recognizer": "音声認識", "aligner": "単語時刻"}
_SETTINGS = {
    "model": "音声認識モデル",
    "language": "言語",
    "compute_type": "演算形式",
    "translate": "英訳",
    "beam_size": "ビーム幅",
    "temperature": "温度(temperature)",
    "second_opinion": "聞き直し",
    "initial_prompt": "事前の文",
    "hotwords": "予想される語",
    "aligner": "単語時刻モデル",
}
_DAMAGE = {
    "truncated": "ファイルが途中で切れ、以降の音声がない",
    "missing sound": "音声の欠けた箇所がある",
    "damaged sound": "破損して読み取れなかった音声がある",
    "sound not read": "読み取れなかった音声がある",
    "late track": "途中から始まり、読み取らなかったトラックがある",
    "joined recordings": "複数の録音をつないだファイルである",
    "doubtful times": "以降の時間は確かでない",
    "beyond its header": "ファイル情報の長さより音声が長い",
}
#: The mark of other formats for what nobody understands; a 反訳書 has an ellipsis there.
_INAUDIBLE, _ELLIPSIS = "[聴取不能]", "…"
_DRAFT = (
    "この文書は自動音声認識による下書きである。録音と照合して確認するまで、反訳書として提出する"
    "ものではない。「あの」「えーっと」などの言いよどみ、短い相づち、重なった発言は欠けていることがある。"
)
_MARKS = (
    "「…」は聴取不能の箇所、［　］内は音を示す。強調の記号は付していない。時間は録音の始めからの"
    "経過時間である。"
)


def hanyaku(document: Document, case: Case, provenance: Provenance) -> Record:
    """The record of one recording. Arguments as of `nokchwirok`."""
    blocks = [
        *_cover(document, case),
        *_body(document, case),
        *_origin(document, provenance),
    ]
    return Record(f"反訳書 {shown_name(document)}", "ja", "下書き", "MS Mincho", blocks)


def _from_to(date: str, seconds: float) -> str:
    """When the recording began and ended, as far as the case file says a time of the day."""
    try:
        begin = datetime.fromisoformat(date)
    except ValueError:
        return date
    if ":" not in date:
        return date
    end = begin + timedelta(seconds=round(seconds))
    return (
        f"{date}〜{end:%H:%M:%S}"
        if end.date() == begin.date()
        else f"{date}〜{end:%Y-%m-%d %H:%M:%S}"
    )


def _cover(document: Document, case: Case) -> Iterator[Block]:
    yield Heading("反 訳 書", 0)
    yield Paragraph("（下書き）", "center")
    duration = document.transcript.duration
    spans = "、".join(f"{elapsed(one.start)}から{elapsed(one.end)}まで" for one in case.excerpts)
    yield Table(
        [
            ("事件番号", case.number or ""),
            ("裁判所", case.court or ""),
            ("事件名", case.title or ""),
            ("依頼者", case.client or ""),
            ("録音ファイル", shown_name(document)),
            ("録音日時（開始・終了）", _from_to(case.date or "", duration)),
            ("録音場所", case.place or ""),
            ("録音時間", elapsed(duration)),
            ("録音媒体（添付）", case.medium or ""),
            ("反訳の範囲", f"抜粋（{spans}）" if spans else _extent(document)),
            *damage_rows(document, "録音の状態", _DAMAGE, elapsed),
        ]
    )
    yield Heading("話者")
    yield Table(
        list(speaker_rows(document, case, _LABEL, elapsed)),
        ("表示", "氏名", "関係", "発言時間"),
    )
    yield Paragraph(_DRAFT, small=True)
    yield Paragraph(_MARKS, small=True)


def _extent(document: Document) -> str:
    return "全部" if is_whole(document) else "ファイルから読み取れた部分（録音の状態を参照）"


def _body(document: Document, case: Case) -> Iterator[Block]:
    for page in pages(list(_lines(document, case)), LINES_PER_PAGE):
        yield PageBreak()
        yield NumberedPage(page, LINES_PER_PAGE)


def _lines(document: Document, case: Case) -> Iterator[str]:
    for number, said in enumerate(turns(document, case, _EVENTS)):
        if number:
            yield "（中略）"
        if not said:
            yield "（文字にした発言なし）"
        for turn in said:
            party = case.party(turn.speaker)
            name = (party and party.name) or turn.speaker or _LABEL
            text = turn.text.replace(_INAUDIBLE, _ELLIPSIS)
            yield f"（{elapsed(turn.start)}）"
            yield from wrapped(text, _COLUMNS, f"{name}　", "　　")
    yield "以上"


def _origin(document: Document, provenance: Provenance) -> Iterator[Block]:
    source = document.source
    changed = source.modified
    yield PageBreak()
    yield Heading("録音データの同一性")
    yield Table(
        [
            ("ファイル名", shown_name(document)),
            ("サイズ", f"{source.size:,} バイト"),
            ("更新日時", f"{changed:%Y-%m-%d %H:%M:%S} UTC" if changed else ""),
            ("MD5", source.md5),
            ("SHA-256", source.sha256),
            ("プログラム", f"Reelmill {provenance.version}"),
            ("コマンド", provenance.command or "（ライブラリとして実行）"),
            *model_rows(provenance, _PURPOSES, "モデルの識別値", "モデルのSHA-256"),
            *setting_rows(document, _SETTINGS),
        ]
    )
    yield Space(2)
    yield Table([("作成日", ""), ("反訳者氏名", "　　　　　　　　　　印")])


def elapsed(seconds: float) -> str:
    """An elapsed time as 9時00分00秒."""
    minutes, second = divmod(int(seconds), 60)
    hour, minute = divmod(minutes, 60)
    return f"{hour}時{minute:02d}分{second:02d}秒"
