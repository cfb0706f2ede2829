"""However a good configuration is spoiled, it loads or it is refused with sentences: nothing else ever happens."""

from pathlib import Path

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from hotline.schema import ConfigError, loads

TEXT = (Path(__file__).parents[3] / "config" / "hotline.yaml").read_text(encoding="utf-8")
LINES = TEXT.splitlines()
TREE = yaml.safe_load(TEXT)

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=12),
    st.dates(),
    st.sampled_from(
        ["", "~", "8:00-7:00", "00:00-24:00", "99h", "-1s", "PJSIP/a&b", "default", "../up", "*", "main"]
    ),
)
anything = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
)


def load_or_refuse(text: str) -> None:
    try:
        loads(text)
    except ConfigError as error:
        assert error.problems
        assert len(str(error).splitlines()) == len(error.problems)
        assert all(problem.line >= 1 and problem.col >= 1 and problem.message for problem in error.problems)


def paths(tree: object, path: tuple = ()) -> list[tuple]:
    inner = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    return [path, *(found for key, value in inner for found in paths(value, (*path, key)))]


def replaced(tree: object, path: tuple, value: object) -> object:
    if not path:
        return value
    key, *rest = path
    if isinstance(tree, dict):
        return {k: replaced(v, tuple(rest), value) if k == key else v for k, v in tree.items()}
    return [replaced(v, tuple(rest), value) if n == key else v for n, v in enumerate(tree)]


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_any_part_may_be_anything(data: st.DataObject):
    tree = TREE
    for _ in range(data.draw(st.integers(1, 3))):
        tree = replaced(tree, data.draw(st.sampled_from(paths(tree))), data.draw(anything))
    load_or_refuse(yaml.safe_dump(tree, allow_unicode=True, sort_keys=False))


@given(st.lists(st.tuples(st.integers(0, len(TEXT)), st.integers(0, 6), st.text(max_size=6)), min_size=1, max_size=4))
@settings(max_examples=100, deadline=None)
def test_any_characters_may_be_lost_or_put_in(spoils: list[tuple[int, int, str]]):
    text = TEXT
    for place, lost, put in spoils:
        text = text[:place] + put + text[place + lost :]
    load_or_refuse(text)


@given(st.lists(st.tuples(st.integers(0, len(LINES) - 1), st.integers(0, len(LINES) - 1)), min_size=1, max_size=4))
@settings(max_examples=100, deadline=None)
def test_any_lines_may_change_places(swaps: list[tuple[int, int]]):
    lines = list(LINES)
    for one, other in swaps:
        lines[one], lines[other] = lines[other], lines[one]
    load_or_refuse("\n".join(lines))
