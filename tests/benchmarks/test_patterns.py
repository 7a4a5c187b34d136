"""What counts as found, missed, wrong, and as said by somebody else."""

from benchmarks.patterns import Counts, Found, _compare, _names, _time, text_rows
from synthetic.planted import Said

SAID = [
    Said("I will kill you.", "threat", (), "A", 1.0, 3.0, ()),
    Said("Pay me or else.", "money-demand", ("threat",), "B", 4.0, 6.0, ()),
    Said("Lovely weather.", None, (), "A", 7.0, 9.0, ()),
]


def compared(*found: Found) -> dict[str, Counts]:
    counts: dict[str, Counts] = {}
    _compare(SAID, found, counts, [])
    return counts


def test_a_finding_counts_in_its_sentence_by_its_speaker():
    counts = compared(Found("threat", 0.6, 3.4, "A", ""), Found("money-demand", 4.0, 6.4, "B", ""))
    assert (counts["threat"].found, counts["threat"].missed) == (1, 0)
    assert (counts["money-demand"].found, counts["money-demand"].wrong) == (1, 0)


def test_another_speaker_time_or_category_does_not():
    counts = compared(
        Found("threat", 1.0, 3.0, "B", ""),
        Found("money-demand", 4.0, 6.6, "B", ""),
        Found("insult", 7.0, 8.0, "A", ""),
    )
    assert (counts["threat"].off_speaker, counts["threat"].missed) == (1, 1)
    assert (counts["money-demand"].wrong, counts["money-demand"].missed) == (1, 1)
    assert counts["insult"].wrong == 1


def test_a_second_category_that_also_fits_is_neither_right_nor_wrong():
    counts = compared(Found("threat", 4.0, 6.0, "B", ""))
    assert (counts["threat"].found, counts["threat"].wrong) == (0, 0)


def test_times_are_compared_with_the_same_words_in_the_true_text():
    counts = compared(Found("threat", 1.0, 3.0, "A", ""))
    true = [Found("threat", 1.0, 2.2, "A", "")]
    _time(SAID, true, [Found("threat", 1.3, 2.5, "A", "")], counts)
    _time(SAID, true, [Found("threat", 1.3, 2.9, "A", "")], counts)
    assert (counts["threat"].on_time, counts["threat"].timed) == (1, 2)


def test_speakers_are_named_by_the_time_they_share():
    turns = [
        {"speaker": "B", "start": 1.0, "end": 3.2},
        {"speaker": "A", "start": 3.9, "end": 6.0},
        {"speaker": "B", "start": 7.0, "end": 9.0},
    ]
    assert _names({"turns": turns}, SAID) == {"B": "A", "A": "B"}


def test_a_finding_of_a_neighbouring_category_is_wrong_and_counted_apart():
    counts = compared(Found("coercion", 1.0, 3.0, "A", ""), Found("insult", 1.0, 3.0, "A", ""))
    assert (counts["coercion"].wrong, counts["coercion"].neighbour) == (1, 1)
    assert (counts["insult"].wrong, counts["insult"].neighbour) == (1, 0)
    counts["coercion"].found = 1
    assert (counts["coercion"].precision, counts["coercion"].precision_apart) == (50.0, 100.0)


def test_the_true_text_alone_gives_rows_of_each_category():
    rows = text_rows("en", "tune")
    by_name = {row["what"]: row for row in rows}
    row = by_name["en tune, true text: threat"]
    assert row["found"] + row["missed"] == 16 and row["found"] >= 15
    assert row["on time %"] is None
