"""The service's log as a story: what happened to a call, one line each, in words."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, tzinfo
from typing import Any

from rich.console import Console

Line = dict[str, Any]

_STORY: dict[str, Callable[[Line], str]] = {
    "CallStarted": lambda e: f"a caller dials {e['entry']}" + (" (back again)" if e.get("resumed") else ""),
    "HoursChecked": lambda e: f"hours “{e['calendar']}”: {'open' if e['open'] else 'closed'}",
    "MenuEntered": lambda e: f"menu “{e['menu']}”",
    "PromptPlayed": lambda e: "says " + ", ".join(e["prompts"]) + f" [{e['language']}]",
    "KeyPressed": lambda e: f"caller presses {e['key']}: {e['outcome']}" if e.get("key") else "caller is silent",
    "LanguageChosen": lambda e: f"language {e['language']}",
    "CallerQueued": lambda e: f"waits for “{e['queue']}”, place {e['position']}, with music",
    "AgentOffered": lambda e: f"rings {e['agent']} after {e['waited']:.1f} s",
    "OfferMissed": lambda e: f"{e['agent']}: {e['outcome']} after {e['rang']:.1f} s",
    "AgentAnswered": lambda e: f"{e['agent']} answers; the caller waited {e['waited']:.1f} s",
    "ConversationEnded": lambda e: f"they talked {e['talked']:.1f} s; ended by the {e['ended_by']}",
    "CallerLeftQueue": lambda e: f"leaves “{e['queue']}”: {e['reason']} after {e['waited']:.1f} s",
    "VoicemailSaved": lambda e: f"message of {e['seconds']:.1f} s is safe on disk",
    "VoicemailFailed": lambda e: f"no message: {e['reason']}",
    "CallbackOffered": lambda e: f"rings {e['agent']} for a call back",
    "PromiseMoved": lambda e: f"the promise is “{e['state']}”" + (f" ({e['outcome']})" if e.get("outcome") else ""),
    "Transferred": lambda e: f"transferred to {e['target']}: {e['outcome']}",
    "CallEnded": lambda e: f"call over: {e['reason']} after {e['seconds']:.1f} s",
    "AgentStateChanged": lambda e: f"agent {e['agent']} is {e['state']} ({e['cause']})",
}


class Timeline:
    """Prints lines as they come, with seconds since `begin`."""

    def __init__(self, console: Console, zone: tzinfo) -> None:
        self._console, self._zone = console, zone
        self._began = 0.0

    def begin(self, title: str, now: float) -> None:
        self._began = now
        self._console.rule(f"[bold]{title}", align="left")

    def service(self, line: Line) -> None:
        """One line of the service's log; what is no part of a call is passed over."""
        story = _STORY.get(line.get("event", ""))
        if story and self._began:
            due = f"; call back {self._at(line['due'])}" if "due" in line else ""
            self._print(line["seen"], "hotline", story(line) + due, "cyan")

    def _at(self, moment: float) -> str:
        return f"{datetime.fromtimestamp(moment, self._zone):%A %H:%M}"

    def party(self, now: float, who: str, what: str) -> None:
        """What somebody out in the world does or hears."""
        self._print(now, who, what, "magenta" if who == "agent" else "green")

    def _print(self, now: float, who: str, what: str, colour: str) -> None:
        self._console.print(f"{now - self._began:8.2f} s  [{colour}]{who:>8}[/]  {what}", highlight=False)
