"""Each file of broken/ is named after its mistake; what is said about it stands beside it."""

from pathlib import Path

import pytest

from hotline.schema import ConfigError, load

BROKEN = Path(__file__).parent / "broken"


@pytest.mark.parametrize("mistake", sorted(file.stem for file in BROKEN.glob("*.yaml")))
def test_a_mistake_is_told_with_its_place(mistake: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(BROKEN)
    with pytest.raises(ConfigError) as refused:
        load(Path(f"{mistake}.yaml"))
    assert f"{refused.value}\n" == Path(f"{mistake}.expected").read_text(encoding="utf-8")


def test_no_expectation_is_left_without_its_file():
    assert {file.stem for file in BROKEN.glob("*.expected")} == {file.stem for file in BROKEN.glob("*.yaml")}


def test_problems_are_in_the_order_of_the_file():
    with pytest.raises(ConfigError) as refused:
        load(BROKEN / "every-problem-at-once.yaml")
    places = [(problem.line, problem.col) for problem in refused.value.problems]
    assert places == sorted(places)
    assert len(places) == 5


def test_a_file_that_is_not_there(tmp_path: Path):
    with pytest.raises(ConfigError, match=r"no\.yaml:1:1: there is no such file"):
        load(tmp_path / "no.yaml")


def test_a_folder_is_not_a_file(tmp_path: Path):
    with pytest.raises(ConfigError, match="this is not a file"):
        load(tmp_path)


def test_a_name_that_no_file_can_have():
    with pytest.raises(ConfigError, match=r":1:1: "):
        load(Path("a\0b"))


def test_a_file_below_a_file_cannot_be_read(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="the file can't be read: Not a directory"):
        load(tmp_path / "file" / "hotline.yaml")


def test_a_file_far_too_large_is_not_read_on(tmp_path: Path):
    file = tmp_path / "large.yaml"
    file.write_text("# ä" + "ä" * 1024 * 1024, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"large\.yaml:1:1: the file is larger than"):
        load(file)


def test_a_byte_order_mark_is_no_mistake(tmp_path: Path):
    file = tmp_path / "bom.yaml"
    file.write_bytes(b"\xef\xbb\xbf" + (BROKEN.parent / "good.yaml").read_bytes())
    assert load(file).name == "Power"
