"""Language codes: the forms that users write, NLLB's codes, and messages for unknown ones."""

import pytest

from reelmill.errors import UsageError
from reelmill.models.translation.flores import (
    NAMES,
    find_flores,
    flores_code,
    short_code,
    unknown_language,
)
from reelmill.models.whisper.languages import LANGUAGES

#: Whisper's languages that NLLB does not translate.
NOT_IN_NLLB = {"la", "br", "haw"}


def test_all_languages_of_nllb_are_known():
    # proves: S1
    assert len(NAMES) == 202
    assert all(find_flores(code) == code for code in NAMES)
    assert len(set(NAMES.values())) == 202


def test_the_demo_tokenizer_has_exactly_the_codes_of_its_languages(translator):
    # proves: S1
    import tokenizers

    known = tokenizers.Tokenizer.from_file(str(translator.tokenizer)).get_vocab()
    codes = {token for token in known if len(token) == 8 and token[3:4] == "_"}
    assert codes == set(NAMES)


def test_every_language_of_whisper_can_be_translated():
    # proves: S1
    assert {code for code in LANGUAGES if find_flores(code) is None} == NOT_IN_NLLB


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ("ja", "jpn_Jpan"),
        ("JA", "jpn_Jpan"),
        ("jpn", "jpn_Jpan"),
        ("jpn_Jpan", "jpn_Jpan"),
        ("jpn-jpan", "jpn_Jpan"),
        ("Japanese", "jpn_Jpan"),
        ("ko", "kor_Hang"),
        ("ko-KR", "kor_Hang"),
        ("zh", "zho_Hans"),
        ("zh-TW", "zho_Hant"),
        ("zh-Hant-HK", "zho_Hant"),
        ("zh_Hans", "zho_Hans"),
        ("pt-BR", "por_Latn"),
        ("no", "nob_Latn"),
        ("tl", "tgl_Latn"),
        ("fa", "pes_Arab"),
        ("ace-Arab", "ace_Arab"),
    ],
)
def test_codes_are_accepted_as_users_write_them(given, code):
    # proves: S1
    assert find_flores(given) == code


@pytest.mark.parametrize(
    ("given", "hint"),
    [
        ("jp", "ja (Japanese)"),
        ("koren", "ko (Korean)"),
        ("chines", "zh (Chinese (Simplified))"),
        ("ko_Kore", "ko (Korean)"),
        ("sr-Latn", "sr (Serbian)"),
        ("jpn_Jpn", "ja (Japanese)"),
    ],
)
def test_similar_codes_are_suggested(given, hint):
    assert find_flores(given) is None
    with pytest.raises(UsageError) as caught:
        flores_code(given, "--to")
    message = str(caught.value)
    assert message.startswith(f"--to {given!r}: not one of NLLB's languages; did you mean ")
    assert hint in message
    assert "\n" not in message


@pytest.mark.parametrize("given", ["", "  ", "xx", "k0", "ko,en", "日本語", "zz-QQ-ww"])
def test_invalid_codes_are_refused(given):
    assert find_flores(given) is None
    assert "give an ISO 639 code" in unknown_language(given).replace("Give", "give")


def test_short_codes_map_back_to_the_same_language():
    assert {find_flores(short_code(code)) for code in NAMES} == set(NAMES)
    assert short_code("kor_Hang") == "ko"
    assert short_code("zho_Hant") == "zho_Hant"
