"""YAML as it was written: texts and places, and none of YAML's surprises."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hotline.schema import ConfigError
from hotline.schema.document import MOST_DEPTH, parse


def tree(text: str):
    document = parse(text, "f.yaml")
    assert document.problems == []
    return document.tree


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("NO", "NO"),  # Norway, not False
        ("yes", "yes"),
        ("on", "on"),
        ("08:00", "08:00"),  # a time, not 480
        ("1900", "1900"),
        ("0900", "0900"),  # a number to dial, not an octal one
        ("1e3", "1e3"),
        ("2026-12-24", "2026-12-24"),
        ("'null'", "null"),
        ("null", None),
        ("~", None),
        ("", None),
        ("''", ""),
    ],
)
def test_a_scalar_stays_what_was_written(written: str, meant: str | None):
    assert tree(f"key: {written}\n") == {"key": meant}


@pytest.mark.parametrize("key", ["no", "1900", "08:00", "~", '""', "2026-12-24"])
def test_a_key_stays_what_was_written(key: str):
    assert tree(f"{key}: value\n") == {key.strip('"'): "value"}


def test_every_node_has_its_place():
    document = parse("menus:\n  main:\n    - say: [a, b]\n", "f.yaml")
    assert document.place(("menus", "main"), key=True) == (2, 3)
    assert document.place(("menus", "main", 0)) == (3, 7)
    assert document.place(("menus", "main", 0, "say", 1)) == (3, 16)


def test_what_is_missing_is_placed_at_what_is_around_it():
    document = parse("menus:\n  main: text\n", "f.yaml")
    assert document.place(("menus", "main", "say", 0)) == (2, 9)
    assert document.place(("queues",), key=True) == (1, 1)


def test_an_alias_bomb_is_refused_before_it_grows():
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9)]
    document = parse("\n".join(lines), "f.yaml")
    assert len(document.problems) == 9 + 8 * 9
    assert "anchor &a0 is not allowed" in document.problems[0].message


def test_nesting_is_followed_to_a_limit():
    parse("[" * MOST_DEPTH + "]" * MOST_DEPTH, "f.yaml")
    with pytest.raises(ConfigError, match="nested deeper than 20 levels"):
        parse("[" * 100_000, "f.yaml")
    with pytest.raises(ConfigError, match="nested deeper than 20 levels"):
        parse("? " * 100_000, "f.yaml")


@pytest.mark.parametrize("text", ['a: "\\UFFFFFFFF"', f"%YAML 1.{'9' * 5000}\n--- a", "%TAG ! tag:x\n--- !<a b> c"])
def test_texts_that_yamls_own_parser_stumbles_over(text: str):
    with pytest.raises(ConfigError, match="this is not YAML"):
        parse(text, "f.yaml")


def test_half_a_surrogate_pair_is_refused():
    assert "surrogate" in parse('a: "\\uD800"', "f.yaml").problems[0].message
    with pytest.raises(ConfigError, match=r"f\.yaml:1:5: character '\\ud800' is not allowed here"):
        parse("a: x\ud800", "f.yaml")


@given(st.text(max_size=60))
@settings(max_examples=300, deadline=None)
def test_any_text_is_a_document_or_a_config_error(text: str):
    try:
        parse(text, "f.yaml")
    except ConfigError as error:
        assert all(problem.line >= 1 and problem.col >= 1 for problem in error.problems)


@given(st.text(alphabet="{}[]:,-?&*!|>'\"#%@` \n\ta1~", max_size=40))
@settings(max_examples=500, deadline=None)
def test_any_heap_of_yaml_signs_is_a_document_or_a_config_error(text: str):
    try:
        parse(text, str(Path("f.yaml")))
    except ConfigError as error:
        assert error.problems
