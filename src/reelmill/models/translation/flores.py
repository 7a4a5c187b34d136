"""The languages NLLB-200 translates, by the codes users give.

NLLB names a language as FLORES-200 does (NLLB Team, "No Language Left Behind", 2022): ISO 639-3
and the script, `jpn_Jpan`. Users write `ja`, `jpn`, `zh-TW`, or the whole code.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping

from reelmill.errors import UsageError

#: A line for each language: code, other codes (ISO 639-1, macrolanguages) or "-", name. If several
#: share a code, the first is meant.
_TABLE = """
ace_Latn - Acehnese
ace_Arab - Acehnese (Arabic script)
acm_Arab - Mesopotamian Arabic
acq_Arab - Ta'izzi-Adeni Arabic
aeb_Arab - Tunisian Arabic
afr_Latn af Afrikaans
ajp_Arab - South Levantine Arabic
aka_Latn ak Akan
amh_Ethi am Amharic
apc_Arab - North Levantine Arabic
arb_Arab ar,ara Modern Standard Arabic
ars_Arab - Najdi Arabic
ary_Arab - Moroccan Arabic
arz_Arab - Egyptian Arabic
asm_Beng as Assamese
ast_Latn - Asturian
awa_Deva - Awadhi
ayr_Latn ay,aym Central Aymara
azb_Arab - South Azerbaijani
azj_Latn az,aze North Azerbaijani
bak_Cyrl ba Bashkir
bam_Latn bm Bambara
ban_Latn - Balinese
bel_Cyrl be Belarusian
bem_Latn - Bemba
ben_Beng bn Bengali
bho_Deva - Bhojpuri
bjn_Latn - Banjar
bjn_Arab - Banjar (Arabic script)
bod_Tibt bo Standard Tibetan
bos_Latn bs Bosnian
bug_Latn - Buginese
bul_Cyrl bg Bulgarian
cat_Latn ca Catalan
ceb_Latn - Cebuano
ces_Latn cs Czech
cjk_Latn - Chokwe
ckb_Arab - Central Kurdish
crh_Latn - Crimean Tatar
cym_Latn cy Welsh
dan_Latn da Danish
deu_Latn de German
dik_Latn din Southwestern Dinka
dyu_Latn - Dyula
dzo_Tibt dz Dzongkha
ell_Grek el Greek
eng_Latn en English
epo_Latn eo Esperanto
est_Latn et,ekk Estonian
eus_Latn eu Basque
ewe_Latn ee Ewe
fao_Latn fo Faroese
fij_Latn fj Fijian
fin_Latn fi Finnish
fon_Latn - Fon
fra_Latn fr French
fur_Latn - Friulian
fuv_Latn ff,ful Nigerian Fulfulde
gaz_Latn om,orm West Central Oromo
gla_Latn gd Scottish Gaelic
gle_Latn ga Irish
glg_Latn gl Galician
grn_Latn gn Guarani
guj_Gujr gu Gujarati
hat_Latn ht Haitian Creole
hau_Latn ha Hausa
heb_Hebr he,iw Hebrew
hin_Deva hi Hindi
hne_Deva - Chhattisgarhi
hrv_Latn hr Croatian
hun_Latn hu Hungarian
hye_Armn hy Armenian
ibo_Latn ig Igbo
ilo_Latn - Ilocano
ind_Latn id,in Indonesian
isl_Latn is Icelandic
ita_Latn it Italian
jav_Latn jv,jw Javanese
jpn_Jpan ja Japanese
kab_Latn - Kabyle
kac_Latn - Jingpho
kam_Latn - Kamba
kan_Knda kn Kannada
kas_Arab ks Kashmiri (Arabic script)
kas_Deva - Kashmiri (Devanagari script)
kat_Geor ka Georgian
kaz_Cyrl kk Kazakh
kbp_Latn - Kabiyè
kea_Latn - Kabuverdianu
khk_Cyrl mn,mon Halh Mongolian
khm_Khmr km Khmer
kik_Latn ki Kikuyu
kin_Latn rw Kinyarwanda
kir_Cyrl ky Kyrgyz
kmb_Latn - Kimbundu
kmr_Latn ku,kur Northern Kurdish
knc_Latn kr,kau Central Kanuri
knc_Arab - Central Kanuri (Arabic script)
kon_Latn kg Kikongo
kor_Hang ko Korean
lao_Laoo lo Lao
lij_Latn - Ligurian
lim_Latn li Limburgish
lin_Latn ln Lingala
lit_Latn lt Lithuanian
lmo_Latn - Lombard
ltg_Latn - Latgalian
ltz_Latn lb Luxembourgish
lua_Latn - Luba-Kasai
lug_Latn lg Ganda
luo_Latn - Luo
lus_Latn - Mizo
lvs_Latn lv,lav Standard Latvian
mag_Deva - Magahi
mai_Deva - Maithili
mal_Mlym ml Malayalam
mar_Deva mr Marathi
min_Latn - Minangkabau
mkd_Cyrl mk Macedonian
mlt_Latn mt Maltese
mni_Beng - Meitei
mos_Latn - Mossi
mri_Latn mi Maori
mya_Mymr my Burmese
nld_Latn nl Dutch
nno_Latn nn Norwegian Nynorsk
nob_Latn nb,no,nor Norwegian Bokmål
npi_Deva ne,nep Nepali
nso_Latn - Northern Sotho
nus_Latn - Nuer
nya_Latn ny Nyanja
oci_Latn oc Occitan
ory_Orya or,ori Odia
pag_Latn - Pangasinan
pan_Guru pa Eastern Panjabi
pap_Latn - Papiamento
pbt_Arab ps,pus Southern Pashto
pes_Arab fa,fas Western Persian
plt_Latn mg,mlg Plateau Malagasy
pol_Latn pl Polish
por_Latn pt Portuguese
prs_Arab - Dari
quy_Latn qu,que Ayacucho Quechua
ron_Latn ro Romanian
run_Latn rn Rundi
rus_Cyrl ru Russian
sag_Latn sg Sango
san_Deva sa Sanskrit
sat_Beng - Santali
scn_Latn - Sicilian
shn_Mymr - Shan
sin_Sinh si Sinhala
slk_Latn sk Slovak
slv_Latn sl Slovenian
smo_Latn sm Samoan
sna_Latn sn Shona
snd_Arab sd Sindhi
som_Latn so Somali
sot_Latn st Southern Sotho
spa_Latn es Spanish
als_Latn sq,sqi Tosk Albanian
srd_Latn sc Sardinian
srp_Cyrl sr Serbian
ssw_Latn ss Swati
sun_Latn su Sundanese
swe_Latn sv Swedish
swh_Latn sw,swa Swahili
szl_Latn - Silesian
tam_Taml ta Tamil
taq_Latn - Tamasheq
taq_Tfng - Tamasheq (Tifinagh script)
tat_Cyrl tt Tatar
tel_Telu te Telugu
tgk_Cyrl tg Tajik
tgl_Latn tl,fil Tagalog
tha_Thai th Thai
tir_Ethi ti Tigrinya
tpi_Latn - Tok Pisin
tsn_Latn tn Tswana
tso_Latn ts Tsonga
tuk_Latn tk Turkmen
tum_Latn - Tumbuka
tur_Latn tr Turkish
twi_Latn tw Twi
tzm_Tfng - Central Atlas Tamazight
uig_Arab ug Uyghur
ukr_Cyrl uk Ukrainian
umb_Latn - Umbundu
urd_Arab ur Urdu
uzn_Latn uz,uzb Northern Uzbek
vec_Latn - Venetian
vie_Latn vi Vietnamese
war_Latn - Waray
wol_Latn wo Wolof
xho_Latn xh Xhosa
ydd_Hebr yi,yid Eastern Yiddish
yor_Latn yo Yoruba
yue_Hant - Yue Chinese
zho_Hans zh,cmn Chinese (Simplified)
zho_Hant - Chinese (Traditional)
zsm_Latn ms,msa Standard Malay
zul_Latn zu Zulu
"""
_LINES = [line.split(" ", 2) for line in _TABLE.strip().splitlines()]

#: FLORES-200 code to English name.
NAMES: Mapping[str, str] = {code: name for code, _, name in _LINES}

#: In these regions, Chinese is written in its traditional script.
_TRADITIONAL = frozenset({"tw", "hk", "mo"})
_LATIN_TAG = re.compile(r"[A-Za-z]+")


def _by_short_code() -> dict[str, str]:
    codes: dict[str, str] = {}
    for code, others, _ in _LINES:
        for short in (code.split("_")[0], *others.replace("-", "").split(",")):
            if short:
                codes.setdefault(short, code)
    return codes


_SHORT = _by_short_code()
_FULL = {code.lower(): code for code in NAMES}
_NAMED = {name.lower(): code for code, name in NAMES.items()}


def find_flores(code: str) -> str | None:
    """NLLB's code for `ja`, `jpn`, `jpn_Jpan`, `pt-BR`, `zh-TW` or `Japanese`; None if unknown."""
    if code.strip().lower() in _NAMED:
        return _NAMED[code.strip().lower()]
    tags = [tag.lower() for tag in _LATIN_TAG.findall(code)]
    if not tags or re.fullmatch(r"[A-Za-z]+([-_][A-Za-z]+)*", code.strip()) is None:
        return None
    found = _SHORT.get(tags[0])
    for tag in tags[1:]:
        if found is None:
            break
        language = found.split("_")[0]
        if len(tag) == 4:  # a script, which must be one that NLLB writes the language in
            found = _FULL.get(f"{language}_{tag}")
        elif len(tag) != 2:  # neither a script nor a country
            found = None
        elif language == "zho" and tag in _TRADITIONAL:
            found = "zho_Hant"
    return found


def flores_code(code: str, option: str = "language") -> str:
    """NLLB's code for a language.

    Args:
        code: as users give it.
        option: what the message calls it.

    Raises:
        UsageError: NLLB has no such language; names near matches.
    """
    found = find_flores(code)
    if found is None:
        raise UsageError(f"{option} {code!r}: {unknown_language(code)}")
    return found


def unknown_language(code: str) -> str:
    """The message for an invalid code, with similar ones, in one line."""
    near = _near(code)
    hint = f"did you mean {', '.join(near)}? Give" if near else "give"
    return (
        f"not one of NLLB's languages; {hint} an ISO 639 code such as ja, ko, en or zh-TW, "
        "or NLLB's own such as jpn_Jpan"
    )


def _near(code: str) -> list[str]:
    """At most three languages with a similar name or code, as `ko (Korean)`."""
    wanted = code.strip().lower()
    words = {word: full for name, full in reversed(_NAMED.items()) for word in name.split()}
    known = {**words, **_NAMED, **_SHORT, **_FULL}
    # A name that begins with the text ("jap") is nearer than one with similar letters.
    found = [full for name, full in known.items() if len(wanted) > 2 and name.startswith(wanted)]
    language = re.split(r"[-_]", wanted)[0]
    found += [_SHORT[language]] if language in _SHORT else []
    found += [known[key] for key in difflib.get_close_matches(wanted, known, n=3, cutoff=0.6)]
    return [f"{short_code(full)} ({NAMES[full]})" for full in list(dict.fromkeys(found))[:3]]


def short_code(flores: str) -> str:
    """The shortest unambiguous code: `ja`, or `zho_Hant` if only the whole code is."""
    for candidate in sorted(_SHORT, key=len):
        if _SHORT[candidate] == flores:
            return candidate
    return flores
