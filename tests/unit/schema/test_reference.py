"""config/README.md explains every key there is."""

from pathlib import Path

import pytest

from hotline.acd.model import Choice
from hotline.phrases import LANGUAGES, phrasebook
from hotline.schema import loads, shape
from hotline.schema.draft import SECTIONS

REFERENCE = (Path(__file__).parents[3] / "config" / "README.md").read_text(encoding="utf-8")
PARTS = (
    shape.HotlineShape,
    shape.EntryBody,
    shape.HoursShape,
    shape.VoicemailShape,
    shape.QueueShape,
    shape.WideningShape,
    shape.OverflowShape,
    shape.AgentShape,
    shape.CallbacksShape,
    shape.DialingShape,
    shape.QuotaShape,
    shape.KeysBody,
    shape.MyCallbackBody,
)


@pytest.mark.parametrize("section", SECTIONS)
def test_every_section_has_its_chapter(section: str):
    assert f"\n## `{section}`" in REFERENCE


@pytest.mark.parametrize("key", sorted({key for part in PARTS for key in part.model_fields}))
def test_every_key_has_its_row(key: str):
    assert f"\n| `{key}` |" in REFERENCE


@pytest.mark.parametrize("verb", shape.VERBS)
def test_every_step_has_its_row(verb: str):
    assert f"\n| `{verb}" in REFERENCE


@pytest.mark.parametrize("choice", Choice)
def test_every_choice_is_explained(choice: Choice):
    assert f"`{choice}`" in REFERENCE


def test_its_whole_examples_are_good():
    examples = [block.partition("```")[0] for block in REFERENCE.split("```yaml\n")[1:]]
    assert examples
    for example in examples:
        assert loads(example).warnings == ()


def test_every_language_and_phrase_is_named():
    names = [name for name in phrasebook("en").texts if not name[-1].isdigit()]
    assert [name for name in (*LANGUAGES, *names) if f"`{name}`" not in REFERENCE] == []
