"""What befell a call in the queue, and why: as the scripts wrote it down, and in plain words.

Rules of this file:
- One moment is one sentence, which a supervisor can read to a caller who complains.
- A moment of a kind that is not known here (written by another version) is told by its name.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, tzinfo
from types import MappingProxyType
from typing import Any

from hotline.acd.model import Choice, Left, Missed
from hotline.diary import dated


@dataclass(frozen=True, slots=True)
class Moment:
    """`at` in POSIX seconds; `kind` is a key of the sentences below, `about` what they say."""

    at: float
    kind: str
    about: Mapping[str, Any]


def parse_story(rows: Iterable[Mapping[str, Any]]) -> tuple[Moment, ...]:
    """The scripts' rows."""
    return tuple(
        Moment(float(row["at"]), row["kind"], {k: v for k, v in row.items() if k not in ("at", "kind")})
        for row in rows
    )


def tell(story: Iterable[Moment], zone: tzinfo = UTC) -> list[str]:
    """A sentence for each moment, with the time of day in `zone`; the first of each day has the date too."""
    return dated(((moment.at, _sentence(moment)) for moment in story), zone)


def _sentence(moment: Moment) -> str:
    say = _SENTENCES.get(moment.kind)
    return say(moment.about) if say else moment.kind


About = Mapping[str, Any]


def _joined(about: About) -> str:
    site = f", at best of an agent in {json.loads(about['site'])}" if about.get("site") else ""
    ahead = about.get("ahead", 0)
    others = f"{ahead} other{'s' if ahead != 1 else ''} waited there" if ahead else "nobody else waited there"
    return f"Joined queue {about['queue']} in need of {_needs(about['needs'])}{site}; {others}"


def _waits(about: About) -> str:
    place, able = about["place"], about["able"]
    if about.get("limit"):
        why = "the queue has as many conversations as it may have at once"
    elif not able:
        why = "nobody at work could serve the call"
    elif about["idle"]:
        why = f"{_agents(able)} could serve it, but those who are idle are in reserve"
    else:
        why = f"{_agents(able)} could serve it, and none is idle"
    return f"Waits, as number {place} of the queue: {why}"


def _waits_for_one(about: About) -> str:
    return f"Waits up to {about['seconds']:.0f} s for {about['agent']} alone, with whom the caller spoke last"


def _widened(about: About) -> str:
    why = "Nobody at work could serve that" if about["why"] == "nobody" else "It has waited long enough"
    return f"{why}: from now on it needs {_needs(about['needs'])}"


def _new_rules(about: About) -> str:
    return f"The configuration has changed: from now on it needs {_needs(about['needs'])}"


def _any_site(about: About) -> str:
    nobody = about["why"] == "nobody"
    why = "Nobody at work in the caller's own place could serve it" if nobody else "It has waited long enough"
    return f"{why}: from now on agents everywhere may"


def _offered(about: About) -> str:
    agent, by = about["agent"], about.get("by", "")
    if by == "turn":
        return f"Offered to {agent}, who became free: it was the first of those whom {agent} can serve"
    if by == "last":
        return f"Offered to {agent}, with whom the caller spoke last"
    among = about.get("idle", 1)
    if among <= 1:
        reason = "the only one idle who could serve it"
    else:
        reason = f"of {among} idle agents who could serve it, {_CHOICES.get(by, _CHOICES[''])}"
    missed = "; who had missed it came last" if about.get("missed") and among > 1 else ""
    return f"Offered to {agent}, {reason}{missed}"


def _missed(about: About) -> str:
    return f"{about['agent']} {_MISSES.get(about['why'], 'did not take it')}; it is back in its place"


def _left(about: About) -> str:
    return _ENDS.get(about["why"], f"Left the queue: {about['why']}")


def _needs(text: str) -> str:
    needs = [f"{skill} {level}" for skill, level in json.loads(text).items()]
    return " and ".join([", ".join(needs[:-1]), needs[-1]] if len(needs) > 1 else needs) or "no skill"


def _agents(count: int) -> str:
    return "1 agent at work" if count == 1 else f"{count} agents at work"


_CHOICES: Mapping[str, str] = MappingProxyType(
    {
        "": "idle for longest",
        Choice.LONGEST_IDLE: "idle for longest",
        Choice.BEST_SKILLED: "the best skilled for it",
        Choice.SPARE_THE_VERSATILE: "the one with the fewest other skills",
    }
)
_MISSES: Mapping[str, str] = MappingProxyType(
    {
        Missed.NO_ANSWER: "did not answer",
        Missed.REJECTED: "rejected it",
        Missed.BUSY: "was on the phone",
        Missed.UNREGISTERED: "had no phone connected",
        Missed.LOST: "was held for it in vain, since the caller's line was lost",
    }
)
_ENDS: Mapping[str, str] = MappingProxyType(
    {
        Left.SERVED: "The conversation ended",
        Left.ABANDONED: "The caller hung up",
        Left.MAX_WAIT: "Left: it had waited as long as the queue lets anybody wait",
        Left.NO_AGENTS: "Left: no agents",
        Left.OVERFLOW: "Went on to where the queue's overflow leads",
        Left.LOST: "Given up: the line was lost",
        Left.CALLBACK: "Hung up on our promise to call back; the place is kept",
    }
)
_SENTENCES: Mapping[str, Callable[[About], str]] = MappingProxyType(
    {
        "joined": _joined,
        "waits": _waits,
        "waits for one": _waits_for_one,
        "waits for all": lambda about: f"Waits for {about['agent']} no longer, but for anybody who can serve it",
        "widened": _widened,
        "any site": _any_site,
        "new rules": _new_rules,
        "offered": _offered,
        "missed": _missed,
        "answered": lambda about: f"{about['agent']} answered",
        "back": lambda _: "The caller's line is back, in its old place",
        "left": _left,
        "and so on": lambda _: "(What came next was too much to keep)",
    }
)
