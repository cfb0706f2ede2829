"""The product's own phrases: every language says everything."""

import re

import pytest

from hotline.phrases import LANGUAGES, phrasebook


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_every_phrase(language: str):
    assert phrasebook(language).texts.keys() == phrasebook("en").texts.keys()
    assert all(text.strip() for text in phrasebook(language).texts.values())


def test_days_dates_months_places_and_digits_are_all_there():
    names = phrasebook("en").texts
    for prefix, count in (("day", 7), ("date", 31), ("month", 12), ("place", 10)):
        numbered = {name for name in names if re.fullmatch(rf"{prefix}-\d+", name)}
        assert numbered == {f"{prefix}-{n}" for n in range(1, count + 1)}
    assert {f"{prefix}-{digit}" for prefix in ("digit", "press") for digit in range(10)} <= names.keys()


@pytest.mark.parametrize(
    ("language", "prompt", "text"),
    [
        ("en", "time-00-00", "at 12 a.m."),
        ("en", "time-12-15", "at 12 15 p.m."),
        ("vi", "time-07-30", "lúc 7 giờ 30 phút"),
        ("zh", "time-14-00", "下午2点"),
        ("ko", "time-09-00", "오전 아홉 시"),
        ("ru", "time-08-00", "в 8 ноль ноль"),
        ("kk", "time-18-45", "сағат 18 45 минут"),
        ("en", "from-09-00 until-13-30", "between 9 a.m. and 1 30 p.m."),
        ("en", "from-00-00 until-00-00", "between midnight and midnight"),
        ("vi", "from-07-30 until-12-00", "từ 7 giờ 30 phút đến 12 giờ"),
        ("vi", "from-18-00 until-00-00", "từ 18 giờ đến nửa đêm"),
        ("zh", "from-09-00 until-14-30", "上午9点 到下午2点30分之间"),
        ("ko", "from-09-00 until-13-15", "오전 아홉 시부터 오후 한 시 15 분 사이"),
        ("ru", "from-09-00 until-21-00", "с девяти часов до двадцати одного часа"),
        ("ru", "from-01-15 until-18-45", "с одного часа пятнадцати минут до восемнадцати часов сорока пяти минут"),
        ("ru", "from-20-00 until-00-00", "с двадцати часов до полуночи"),
        ("kk", "from-09-00 until-13-00", "сағат тоғыздан он үшке дейін"),
        ("kk", "from-08-30 until-17-45", "сағат 8 отыздан 17 қырық беске дейін"),
    ],
)
def test_times_are_made_from_the_pattern(language: str, prompt: str, text: str):
    prompts = prompt.split()
    assert all(each in phrasebook(language) for each in prompts)
    assert " ".join(phrasebook(language)[each] for each in prompts) == text


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_quarter_hour_can_begin_and_end_hours_in_every_language(language: str):
    clock = [f"{hour:02}-{minute:02}" for hour in range(24) for minute in (0, 15, 30, 45)]
    for word in ("from", "until"):
        said = [phrasebook(language)[f"{word}-{time}"] for time in clock]
        assert all(said)
        assert len(set(said)) == len(clock)


@pytest.mark.parametrize(
    "prompt", ["time-24-00", "time-8-00", "from-08-10", "until-24-00", "since-08-00", "welcome", ""]
)
def test_other_names_are_not_ours(prompt: str):
    assert prompt not in phrasebook("en")
    with pytest.raises(KeyError):
        phrasebook("en")[prompt]


def test_other_languages_are_refused_by_name():
    with pytest.raises(KeyError, match="no built-in phrases for 'tlh'"):
        phrasebook("tlh")
