"""Prompts are spoken by the real synthesiser; what a person recorded stays."""

import wave
from collections.abc import Callable
from pathlib import Path

import pytest

from hotline.schema import loads
from hotline.schema.config import Config
from hotline.speech import SpeechError, missing, synthesise
from lab.programs import program

ROOT = Path(__file__).parents[2]
GOOD = (ROOT / "tests/unit/schema/good.yaml").read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def programs() -> dict[str, str]:
    """The real synthesiser; an error, not a skip, where scripts/programs did not run."""
    return {"espeak": str(program("espeak-ng")), "sox": str(program("sox"))}


@pytest.fixture
def make(programs: dict[str, str], tmp_path: Path) -> Callable[..., None]:
    """Synthesise given (language, prompt, text) into the test's folder."""
    return lambda *wanted: synthesise(wanted, tmp_path, **programs)


@pytest.fixture
def config() -> Config:
    return loads(GOOD)


def seconds(file: Path) -> float:
    with wave.open(str(file)) as sound:
        assert (sound.getframerate(), sound.getsampwidth(), sound.getnchannels()) == (8000, 2, 1)
        return sound.getnframes() / 8000


def changed(config: Config) -> Config:
    return loads(GOOD.replace("Welcome.", "Welcome back."))


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "Your message has been saved."),
        ("vi", "Lời nhắn của quý khách đã được lưu."),
        ("zh", "您的留言已保存。"),
        ("ko", "메시지가 저장되었습니다."),
        ("ru", "Ваше сообщение сохранено."),
        ("kk", "Хабарламаңыз сақталды."),
    ],
)
def test_every_language_is_spoken_for_the_telephone(make, tmp_path: Path, language: str, text: str):
    make((language, "message-saved", text))
    assert 0.5 < seconds(tmp_path / language / "message-saved.wav") < 8


def test_more_words_take_more_time(make, tmp_path: Path):
    make(("en", "short", "Hello."), ("en", "long", "Hello and welcome to the hotline of the city's power company."))
    assert seconds(tmp_path / "en" / "long.wav") > 2 * seconds(tmp_path / "en" / "short.wav")


def test_a_text_that_is_marked_with_a_language_is_spoken_by_its_voice(make, tmp_path: Path):
    words = "Để nghe tiếng Việt, xin bấm phím 9."
    make(("en", "marked", f"[vi] {words}"), ("en", "unmarked", words), ("vi", "plain", words))
    marked, unmarked, plain = (
        seconds(tmp_path / path) for path in ("en/marked.wav", "en/unmarked.wav", "vi/plain.wav")
    )
    assert marked == plain
    assert marked != unmarked, "an English voice spells it out"


def test_a_text_is_never_read_as_an_option_or_a_markup(make, tmp_path: Path):
    make(("en", "one", "--version"), ("en", "two", "<speak>; $(exit 3) | `exit 3`"))
    assert seconds(tmp_path / "en" / "one.wav") > 0
    assert seconds(tmp_path / "en" / "two.wav") > 0


def test_all_prompts_are_missing_at_first_and_none_afterwards(config: Config, programs, tmp_path: Path):
    wanted = missing(config, tmp_path)
    assert {(language, prompt) for language, prompt, _ in wanted} == {
        (language, prompt) for prompt in config.prompts for language in ("en", "vi")
    }
    some = wanted[:3] + wanted[-2:]
    steps: list[None] = []
    synthesise(some, tmp_path, **programs, done=lambda: steps.append(None))
    assert len(steps) == 5
    assert missing(config, tmp_path) == [each for each in wanted if each not in some]


def test_only_a_changed_text_is_spoken_again(config: Config, programs, tmp_path: Path):
    synthesise(missing(config, tmp_path)[:4], tmp_path, **programs)
    before = {prompt for _, prompt, _ in missing(config, tmp_path)}
    again = [each for each in missing(changed(config), tmp_path) if each[1] not in before]
    assert again == [("en", "welcome", "Welcome back.")]
    old = (tmp_path / "en" / "welcome.wav").read_bytes()
    synthesise(again, tmp_path, **programs)
    assert (tmp_path / "en" / "welcome.wav").read_bytes() != old


def test_a_persons_recording_is_never_overwritten(config: Config, make, tmp_path: Path):
    recording = tmp_path / "en" / "welcome.wav"
    recording.parent.mkdir()
    recording.write_bytes(b"a voice")
    assert not any(each[:2] == ("en", "welcome") for each in missing(config, tmp_path))
    make(("en", "welcome", "Welcome."))
    assert recording.read_bytes() == b"a voice"


def test_a_recording_put_in_the_place_of_ours_is_a_persons(config: Config, make, tmp_path: Path):
    make(("en", "welcome", "Welcome."))
    recording = tmp_path / "en" / "welcome.wav"
    recording.write_bytes(b"a voice")
    assert not any(each[:2] == ("en", "welcome") for each in missing(changed(config), tmp_path))
    make(("en", "welcome", "Welcome back."))
    assert recording.read_bytes() == b"a voice"


@pytest.mark.parametrize("spoiled", [b"", b"{", b"[]", b'{"en/welcome": 3}', b"\xff"])
def test_without_the_list_of_our_work_everything_there_counts_as_a_persons(
    config: Config, make, tmp_path: Path, spoiled: bytes
):
    make(("en", "welcome", "Welcome."))
    (tmp_path / ".synthesised.json").write_bytes(spoiled)
    assert not any(each[:2] == ("en", "welcome") for each in missing(changed(config), tmp_path))


def test_nothing_but_prompts_is_left_in_a_folder(make, tmp_path: Path):
    make(("en", "one", "One."), ("en", "two", "Two."))
    assert {file.name for file in (tmp_path / "en").iterdir()} == {"one.wav", "two.wav"}


def test_a_program_that_is_not_there_is_named(tmp_path: Path):
    with pytest.raises(SpeechError, match=r"no-such-program can't be started \(No such file or directory\); install"):
        synthesise([("en", "one", "One.")], tmp_path, espeak="no-such-program")


def test_a_program_that_fails_leaves_nothing_and_is_quoted(programs, tmp_path: Path):
    with pytest.raises(SpeechError, match="failed with status 1"):
        synthesise([("en", "one", "One.")], tmp_path, espeak=programs["espeak"], sox="false")
    assert list((tmp_path / "en").iterdir()) == []


def test_a_program_that_makes_no_sound_is_found_out(tmp_path: Path):
    with pytest.raises(SpeechError, match=r"made no sound of 'One\.' with voice en"):
        synthesise([("en", "one", "One.")], tmp_path, espeak="true", sox="true")


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SpeechError, match="prompts can't be written to"):
        synthesise([("en", "one", "One.")], tmp_path / "file")
