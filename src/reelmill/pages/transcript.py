"""A transcript as HTML: each word with its time, doubtful ones marked."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence

from markupsafe import Markup

from reelmill.artifacts import Segment, Word
from reelmill.artifacts.edited_words import EditedWord
from reelmill.core.printable import printable
from reelmill.pages.language import Wording
from reelmill.report.wording import clock, percent

#: A word with a lower probability is doubtful.
DOUBTFUL = 0.5


class TranscriptText:
    """Writes the transcript, and counts what it marks. Written by hand rather than by a template:
    a three-hour recording has thirty thousand words."""

    def __init__(
        self,
        wording: Wording,
        hues: Mapping[str, str],
        translations: Mapping[str, Sequence[str]],
    ) -> None:
        self._say = wording
        self._hues = hues
        self._translations = translations
        self.doubts = 0
        self.corrections = 0

    def render(self, segments: Sequence[Segment]) -> Markup:
        """List items, one for each segment with text."""
        found, before = [], None
        for number, segment in enumerate(segments):
            if segment.text.strip():
                found.append(self._segment(number, segment, segment.speaker != before))
                before = segment.speaker
        return Markup("\n".join(found))

    def _segment(self, number: int, segment: Segment, is_new: bool) -> str:
        name = printable(segment.speaker or "")
        hue = f' style="--hue:{self._hues[name]}"' if name in self._hues else ""
        who = f'<div class="who"><bdi>{html.escape(name)}</bdi></div>' if name and is_new else ""
        language = f' lang="{html.escape(segment.language)}"' if segment.language else ""
        texts = "".join(
            f'<p class="translation" lang="{html.escape(code)}" dir="auto">'
            f"{_plain(lines[number])}</p>"
            for code, lines in self._translations.items()
            if number < len(lines)
        )
        return (
            f'<li class="seg" data-s="{segment.start:.3f}" data-e="{segment.end:.3f}"{hue}>{who}'
            f'<button type="button" class="at">{clock(segment.start)}</button>'
            f'<p dir="auto"{language}>{self._words(segment)}</p>{texts}</li>'
        )

    def _words(self, segment: Segment) -> str:
        """The words with what stands between them in the segment's text."""
        text, at, written = segment.text.strip(), 0, []
        for word in segment.words:
            wanted = word.text.strip()
            place = text.find(wanted, at)
            if not wanted or place < 0:
                return "".join(self._word(one, " ") for one in segment.words) or _plain(text)
            written.append(_plain(text[at:place]))
            at = place + len(wanted)
            written.append(self._word(word, ""))
        return "".join([*written, _plain(text[at:])])

    def _word(self, word: Word, after: str) -> str:
        if isinstance(word, EditedWord):
            return self._edited(word) + after
        is_doubtful = word.timing != "interpolated" and word.score < DOUBTFUL
        mark = ""
        if is_doubtful:
            self.doubts += 1
            title = self._say("review.doubtful", percent=percent(max(0.0, word.score)))
            mark = f' class="doubt" title="{html.escape(title)}"'
        return f'<span data-t="{word.start:.2f}"{mark}>{_plain(word.text.strip())}</span>{after}'

    def _edited(self, word: EditedWord) -> str:
        """A word that was changed, with the machine's own, which a reader may show."""
        self.corrections += 1
        machine = f"<del hidden>{_plain(word.machine)}</del> " if word.machine else ""
        title = html.escape(self._say("review.corrected"))
        return (
            f'{machine}<span data-t="{word.start:.2f}" class="corrected" title="{title}">'
            f"{_plain(word.text.strip())}</span>"
        )


def _plain(text: str) -> str:
    """Text as HTML. Marks that turn the direction of what follows are shown, not obeyed."""
    return html.escape(text if text.isprintable() else printable(text))
