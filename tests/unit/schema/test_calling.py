"""The steps about callbacks, and what is odd about them."""

from pathlib import Path

import pytest

from hotline.flow.model import AskCallback, MyCallback
from hotline.schema import Config, loads

GOOD = (Path(__file__).parent / "good.yaml").read_text(encoding="utf-8")


def config(steps: str, text: str = GOOD) -> Config:
    """The good one with these steps at the beginning."""
    text = text.replace("entries:", 'callbacks: {allow: ["+84"]}\nentries:', 1)
    return loads(text.replace("    - say: welcome\n", f"{steps}    - say: welcome\n", 1))


@pytest.mark.parametrize(
    ("written", "step"),
    [
        ("callback: power", AskCallback("power")),
        ("{callback: power, otherwise: night}", AskCallback("power", "night")),
        ("my-callback", MyCallback("1", 5.0)),
        ("my-callback: {}", MyCallback("1", 5.0)),
        ('my-callback: {key: "#", wait: 2.5s}', MyCallback("#", 2.5)),
    ],
)
def test_a_step_is_read(written: str, step: AskCallback | MyCallback):
    assert config(f"    - {written}\n").flow.menus["main"].steps[0] == step


def test_a_step_that_has_nothing_to_tell_is_odd():
    text = GOOD.replace(", voicemail: {hours: office}", "").replace(
        "    - voicemail: power\n", "    - say: welcome\n"
    )
    warned = config("    - my-callback\n", text).warnings
    assert [problem.message for problem in warned] == [
        "no queue has `voicemail`, so nobody is promised a callback and this step says nothing"
    ]
    assert config("    - my-callback\n").warnings == ()


def test_a_circle_with_a_callback_in_it_is_no_endless_one():
    steps = "    - {callback: power, otherwise: main}\n"
    assert config(steps).warnings == ()


def test_steps_behind_a_callback_are_reached():
    assert config("    - {callback: power, otherwise: night}\n").warnings == ()
