"""Prompts from their texts: espeak-ng speaks them, sox makes them 8 kHz, 16 bit, mono, as a telephone line is.

Rules of this file:
- A prompt lies at <sounds>/<language>/<prompt>.wav and appears there whole or not at all.
- Only what is missing or whose text changed is made. What a person recorded is never overwritten: a file is ours only
  if the list of our own work (<sounds>/.synthesised.json) names it and its bytes are still those that we wrote.
- One process at a time works on a folder; the others wait for it, and then find less to do.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import subprocess
import tempfile
import threading
import wave
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from hotline.phrases import phrasebook, spoken_in
from hotline.schema.config import Config

Wanted = tuple[str, str, str]
"""Language, prompt, and the text to speak."""

SECONDS = 60
"""How long one program may take over one prompt."""

_TELEPHONE = ("-r", "8000", "-c", "1", "-b", "16", "-e", "signed-integer")


class SpeechError(Exception):
    """A prompt can't be made; the text says why and what to do."""


def missing(config: Config, sounds: Path) -> list[Wanted]:
    """The prompts of a configuration that have no recording in `sounds`, or an older text's synthesis."""
    listed = _read_list(sounds)
    wanted = [
        (language, prompt, text) for prompt, texts in config.prompts.items() for language, text in texts.items()
    ]
    return [each for each in wanted if _is_due(each, sounds, listed)]


def synthesise(
    wanted: Iterable[Wanted],
    sounds: Path,
    *,
    espeak: str = "espeak-ng",
    sox: str = "sox",
    workers: int = 2,
    done: Callable[[], None] = lambda: None,
) -> None:
    """Make prompts (as `missing` lists them); `done` is called after each. Raises SpeechError.

    `espeak` and `sox` are programs: names on the PATH, or paths.
    """
    with _alone(sounds):
        studio = _Studio(sounds, espeak, sox, _read_list(sounds))
        pool = ThreadPoolExecutor(workers, thread_name_prefix="speech")
        try:
            for made in [pool.submit(studio.make, each) for each in wanted]:
                made.result()
                done()
        except OSError as error:
            raise SpeechError(f"prompts can't be written to {sounds}: {error.strerror or error}") from error
        finally:
            pool.shutdown(cancel_futures=True)


def speak(text: str, path: Path, *, voice: str, espeak: str = "espeak-ng", sox: str = "sox") -> None:
    """Speak one text with an espeak-ng voice into a telephone's WAV at `path`. Raises SpeechError."""
    spoken = path.with_name(f"{path.stem}.spoken.wav")
    try:
        _run([espeak, "-v", voice, "-b", "1", "-w", str(spoken), "--stdin"], text)
        _run([sox, str(spoken), *_TELEPHONE, str(path), "gain", "-n", "-3"])
    finally:
        spoken.unlink(missing_ok=True)
    try:
        with wave.open(str(path)) as sound:
            if sound.getnframes() > 0:
                return
    except (wave.Error, EOFError, FileNotFoundError):
        pass
    raise SpeechError(f"{espeak} made no sound of {text[:80]!r} with voice {voice}")


def _run(command: list[str], text: str = "") -> None:
    try:
        ended = subprocess.run(command, input=text.encode(), capture_output=True, timeout=SECONDS, check=False)
    except OSError as error:
        reason = f"{command[0]} can't be started ({error.strerror}); install espeak-ng and sox, or give their paths"
        raise SpeechError(reason) from error
    except subprocess.TimeoutExpired as error:
        raise SpeechError(f"{command[0]} took more than {SECONDS} s over one prompt") from error
    if ended.returncode != 0:
        told = ended.stderr.decode(errors="replace").strip()[-400:] or "no reason given"
        raise SpeechError(f"{command[0]} failed with status {ended.returncode}: {told}")


@dataclass(slots=True)
class _Studio:
    """Makes prompts of one folder, and keeps the list of what it made."""

    sounds: Path
    espeak: str
    sox: str
    listed: dict[str, dict[str, str]]
    lock: threading.Lock = field(default_factory=threading.Lock)

    def make(self, wanted: Wanted) -> None:
        language, prompt, _ = wanted
        voice, words = _spoken(wanted)
        if not _is_due(wanted, self.sounds, self.listed):
            return
        folder = self.sounds / language
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".making-", dir=folder) as scratch:
            made = Path(scratch, "telephone.wav")
            speak(words, made, voice=voice, espeak=self.espeak, sox=self.sox)
            entry = {"text": _text_digest(wanted), "wav": _digest(made.read_bytes())}
            with self.lock:
                made.replace(_file(self.sounds, wanted))
                self.listed[f"{language}/{prompt}"] = entry
                _write_list(self.sounds, self.listed)


@contextmanager
def _alone(sounds: Path) -> Iterator[None]:
    """Hold the folder's lock; it vanishes with the process."""
    try:
        sounds.mkdir(parents=True, exist_ok=True)
        lock = (sounds / ".synthesised.lock").open("w")
    except OSError as error:
        raise SpeechError(f"prompts can't be written to {sounds}: {error.strerror}") from error
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _is_due(wanted: Wanted, sounds: Path, listed: Mapping[str, Mapping[str, str]]) -> bool:
    file = _file(sounds, wanted)
    if not file.exists():
        return True
    entry = listed.get(f"{wanted[0]}/{wanted[1]}")
    if entry is None or entry.get("text") == _text_digest(wanted):
        return False
    try:
        return entry.get("wav") == _digest(file.read_bytes())
    except OSError:  # not even readable: not ours
        return False


def _file(sounds: Path, wanted: Wanted) -> Path:
    return sounds / wanted[0] / f"{wanted[1]}.wav"


def _spoken(wanted: Wanted) -> tuple[str, str]:
    """The voice of a prompt, and its words: all that its sound depends on."""
    language, words = spoken_in(wanted[0], wanted[2])
    return phrasebook(language).voice, words


def _text_digest(wanted: Wanted) -> str:
    return _digest(" ".join(_spoken(wanted)).encode())


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _read_list(sounds: Path) -> dict[str, dict[str, str]]:
    """Our own work; {} when the list is missing or spoiled: then everything there counts as a person's."""
    try:
        listed = json.loads((sounds / ".synthesised.json").read_bytes())
    except (OSError, ValueError):
        return {}
    if not isinstance(listed, dict):
        return {}
    return {str(name): entry for name, entry in listed.items() if isinstance(entry, dict)}


def _write_list(sounds: Path, listed: Mapping[str, Mapping[str, str]]) -> None:
    new = sounds / ".synthesised.json.new"
    new.write_text(json.dumps(listed, indent=0, sort_keys=True) + "\n", encoding="utf-8")
    new.replace(sounds / ".synthesised.json")
