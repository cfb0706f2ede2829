"""The product's own phrases: every language says everything."""

import re

import pytest

from hotline.phrases import LANGUAGES, phrasebook


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_every_phrase(language: str):
    assert phrasebook(language).texts.keys() == phrasebook("en").texts.keys()
    assert all(text.strip() for text in phrasebook(language).texts.values())


def test_days_dates_months_and_places_are_all_there():
    names = phrasebook("en").texts
    for prefix, count in (("day", 7), ("date", 31), ("month", 12), ("place", 10)):
        numbered = {name for name in names if re.fullmatch(rf"{prefix}-\d+", name)}
        assert numbered == {f"{prefix}-{n}" for n in range(1, count + 1)}


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
    ],
)
def test_times_are_made_from_the_pattern(language: str, prompt: str, text: str):
    assert prompt in phrasebook(language)
    assert phrasebook(language)[prompt] == text


@pytest.mark.parametrize("prompt", ["time-24-00", "time-8-00", "welcome", ""])
def test_other_names_are_not_ours(prompt: str):
    assert prompt not in phrasebook("en")
    with pytest.raises(KeyError):
        phrasebook("en")[prompt]


def test_other_languages_are_refused_by_name():
    with pytest.raises(KeyError, match="no built-in phrases for 'tlh'"):
        phrasebook("tlh")
