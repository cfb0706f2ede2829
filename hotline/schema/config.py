"""The configuration as the rest of the product sees it: checked, complete, immutable."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from hotline.acd.model import AgentSettings, QueueSettings
from hotline.callbacks.calendar import Calendar
from hotline.callbacks.settings import CallbackSettings, Dialing, Quota, VoicemailSettings
from hotline.flow.model import Flow
from hotline.schema.problems import Problem


@dataclass(frozen=True, slots=True)
class Config:
    """One hotline.

    `prompts` maps every prompt that may be spoken, the product's own included, to its text in each language of
    `flow.languages`. `voicemail` holds the queues that take messages. `warnings` are oddities that stop nothing.
    """

    name: str
    zone: ZoneInfo
    flow: Flow
    queues: Mapping[str, QueueSettings]
    agents: Mapping[str, AgentSettings]
    calendars: Mapping[str, Calendar]
    voicemail: Mapping[str, VoicemailSettings]
    prompts: Mapping[str, Mapping[str, str]]
    sites: Mapping[str, str] = field(default_factory=dict)
    """Entry → the site of those who dial it; entries without one are not in it."""
    pauses: Mapping[str, str] = field(default_factory=dict)
    """Key (1 to 9) → the reason that an agent gives by dialing *14 and it."""
    country: str = ""
    """Two letters, e.g. VN: how local phone numbers are read; "" where only international ones are understood."""
    callbacks: Mapping[str, CallbackSettings] = field(default_factory=dict)
    """Every queue that takes messages or requests is in it."""
    dialing: Dialing = field(default_factory=Dialing)
    quota: Quota = field(default_factory=Quota)
    warnings: tuple[Problem, ...] = ()

    def site(self, dialed: str) -> str:
        """The site of a caller who dialed a number; "" where they have none."""
        return self.sites.get(dialed if dialed in self.flow.entries else "default", "")
