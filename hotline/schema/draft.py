"""A configuration file part by part: each part read as far as it can be, each mistake complained about.

Rules of this file:
- A part that can't be used is None, its name stays known: a mistake in a queue makes no menu's `queue:` unknown.
- A step is a mapping with exactly one verb, or one of the bare words in `BARE`.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter

from hotline.schema.document import Document, Path_, Tree
from hotline.schema.kinds import Dialed, Language, Name, PauseKey, PromptName, Text
from hotline.schema.problems import quoted, unknown
from hotline.schema.sentences import validated
from hotline.schema.shape import (
    VERBS,
    AgentShape,
    DialingShape,
    Entry,
    EntryBody,
    HangupStep,
    HotlineShape,
    HoursShape,
    MyCallbackStep,
    QueueShape,
    StepShape,
)

SECTIONS = ("hotline", "callbacks", "entries", "hours", "queues", "agents", "pauses", "menus", "prompts")
REQUIRED = ("hotline", "entries", "menus")
MOST_STEPS = 100
BARE: Mapping[str, StepShape] = {"hangup": HangupStep(), "my-callback": MyCallbackStep()}

_NAME: TypeAdapter[str] = TypeAdapter(Name)
_PROMPT_NAME: TypeAdapter[str] = TypeAdapter(PromptName)
_DIALED: TypeAdapter[str] = TypeAdapter(Dialed)
_ENTRY: TypeAdapter[EntryBody] = TypeAdapter(Entry)
_PAUSE_KEY: TypeAdapter[str] = TypeAdapter(PauseKey)
_TEXTS: TypeAdapter[dict[str, str]] = TypeAdapter(dict[Language, Text])


@dataclass(frozen=True, slots=True)
class Draft:
    """All parts of a file. None stands for what could not be read (and was complained about)."""

    document: Document
    hotline: HotlineShape | None
    dialing: DialingShape | None
    entries: Mapping[str, EntryBody | None]
    hours: Mapping[str, HoursShape | None]
    queues: Mapping[str, QueueShape | None]
    agents: Mapping[str, AgentShape | None]
    pauses: Mapping[str, str | None]
    menus: Mapping[str, tuple[StepShape | None, ...] | None]
    prompts: Mapping[str, Mapping[str, str] | None]
    unread: frozenset[str]
    """Sections of which nothing could be read."""


def draft(document: Document) -> Draft:
    """Read every part of a document, complaining to it."""
    unread: set[str] = set()
    part = _Parts(document, _sections(document, unread))
    return Draft(
        document,
        hotline=part.hotline(),
        dialing=part.dialing(),
        entries=part.named("entries", _DIALED, _ENTRY),
        hours=part.named("hours", _NAME, HoursShape),
        queues=part.named("queues", _NAME, QueueShape),
        agents=part.named("agents", _NAME, AgentShape),
        pauses=part.named("pauses", _PAUSE_KEY, _NAME),
        menus=part.menus(),
        prompts=part.named("prompts", _PROMPT_NAME, _TEXTS),
        unread=frozenset(unread),
    )


def _sections(document: Document, unread: set[str]) -> dict[str, dict[str, Tree]]:
    """The sections that can be read; the others are complained about and added to `unread`."""
    tree = document.tree
    if not isinstance(tree, dict):
        empty = "the file is empty; " if tree is None else ""
        document.complain((), f"{empty}it must hold a mapping with the keys {', '.join(SECTIONS)}")
        unread.update(SECTIONS)
        return {}
    for section, content in tree.items():
        if section not in SECTIONS:
            document.complain((section,), unknown("section", section, SECTIONS), key=True)
            unread.update(difflib.get_close_matches(section, SECTIONS, n=1))
        elif content is not None and not isinstance(content, dict):
            document.complain((section,), f"{quoted(section)} must be a mapping of names to what they are")
            unread.add(section)
    for section in REQUIRED:
        if not tree.get(section) and section not in unread:
            document.complain((section,), f"section {quoted(section)} is missing or empty", key=True)
            unread.add(section)
    return {section: content for section, content in tree.items() if isinstance(content, dict)}


def _no_step(step: Tree) -> str:
    if not isinstance(step, str) or not step:
        return "a step is written like `say: welcome`"
    verb, _, rest = step.replace(":", " ").partition(" ")
    if verb in VERBS and rest:
        return f"{quoted(step)} lacks a colon and a space; write `{verb}: {rest.strip()[:40]}`"
    return unknown("step", step, VERBS)


@dataclass(frozen=True, slots=True)
class _Parts:
    document: Document
    sections: Mapping[str, Mapping[str, Tree]]

    def hotline(self) -> HotlineShape | None:
        read: HotlineShape | None = None
        if self.sections.get("hotline"):
            read = validated(HotlineShape, self.sections["hotline"], ("hotline",), self.document)
        return read

    def dialing(self) -> DialingShape | None:
        """The section `callbacks`; without one, nobody is dialed."""
        read: DialingShape | None = validated(
            DialingShape, self.sections.get("callbacks", {}), ("callbacks",), self.document
        )
        return read

    def named(self, section: str, kind_of_name: Any, kind: Any) -> dict[str, Any]:
        """Every entry of a section, read as `kind`. A bad name is complained about and stays."""
        result = {}
        for name, value in self.sections.get(section, {}).items():
            self.check_name(kind_of_name, name, (section, name))
            result[name] = validated(kind, value, (section, name), self.document)
        return result

    def check_name(self, kind: Any, name: str, path: Path_) -> None:
        before = len(self.document.problems)
        if validated(kind, name, path, self.document) is None:
            moved = [
                self.document.problem(path, problem.message, key=True) for problem in self.document.problems[before:]
            ]
            self.document.problems[before:] = moved

    def menus(self) -> dict[str, tuple[StepShape | None, ...] | None]:
        result: dict[str, tuple[StepShape | None, ...] | None] = {}
        for name, steps in self.sections.get("menus", {}).items():
            path: Path_ = ("menus", name)
            self.check_name(_NAME, name, path)
            result[name] = None
            if not isinstance(steps, list) or not steps:
                self.document.complain(path, f"menu {quoted(name)} must be a list of steps, each with its own -")
            elif len(steps) > MOST_STEPS:
                self.document.complain(path, f"menu {quoted(name)} has more than {MOST_STEPS} steps; divide it")
            else:
                result[name] = tuple(self.step(step, (*path, index)) for index, step in enumerate(steps))
        return result

    def step(self, step: Tree, path: Path_) -> StepShape | None:
        if isinstance(step, str) and step in BARE:
            return BARE[step]
        if isinstance(step, str) and step in VERBS:
            self.document.complain(path, f"step {quoted(step)} needs to know what: write `{step}: …`")
        elif not isinstance(step, dict) or not step:
            self.document.complain(path, _no_step(step))
        else:
            return self.verb(step, path)
        return None

    def verb(self, step: Mapping[str, Tree], path: Path_) -> StepShape | None:
        verbs = [key for key in step if key in VERBS]
        if not verbs:
            first = next(iter(step))
            self.document.complain((*path, first), unknown("step", first, VERBS), key=True)
            return None
        if len(verbs) > 1:
            both = " and ".join(verbs)
            self.document.complain((*path, verbs[1]), f"{both} are {len(verbs)} steps; give each its own -", key=True)
            return None
        read: StepShape | None = validated(VERBS[verbs[0]], step, path, self.document)
        return read
