"""The demonstration: a real caller is answered by a real agent; one leaves a message at night, and is called back.

Every step is checked by what the parties heard: recorded audio is correlated with what was played to them.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import socket
import sys
import time
from collections.abc import Awaitable
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.table import Table

from lab import audio
from lab.demo_callback import call_back
from lab.house import ROOT, House, make_prompts, sounds_of
from lab.party import Call
from lab.process import free_port
from lab.prometheus import Prometheus, dashboard_queries
from lab.service import Line
from lab.speech import speak
from lab.timeline import Timeline

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
BY_DAY, AT_NIGHT = (datetime(2026, 11, 26, hour, tzinfo=ZONE) for hour in (10, 22))
NUMBER, CALLER = "1900", "+84901234567"
LINES = {
    "caller": "Hello, the power is out in our street since this morning.",
    "agent": "Good morning, this is Anna. A crew is on its way to you.",
    "message": "This is the baker in the old town. The lights are out again. Please call me back tomorrow morning.",
}


class Failed(Exception):
    """A step of the demonstration did not come out as it should."""


class Demo:
    """The demonstration in one house. `failures` are the steps that went wrong, in sentences."""

    def __init__(self, console: Console) -> None:
        self.console, self.timeline = console, Timeline(console, ZONE)
        config = ROOT / "config" / "hotline.yaml"
        self.folder, self.sounds = ROOT / ".lab" / "demo", sounds_of(config)
        self.house = House(self.folder, config, self.sounds, on_line=self.timeline.service)
        self.house.pbx.sip = free_port(socket.SOCK_DGRAM, rather=5060)  # a softphone finds the usual port
        self.failures: list[str] = []

    def say(self, text: str) -> None:
        self.console.print(f"[bold]▸[/] {text}")

    def step(self, who: str, what: str) -> None:
        self.timeline.party(time.monotonic(), who, what)

    def check(self, good: bool, what: str) -> None:
        self.console.print(f"  {'[green]✓' if good else '[red]✗'}[/] {what}", highlight=False)
        if not good:
            self.failures.append(what)

    async def run(self, *, once: bool) -> int:
        if self.folder.exists():
            shutil.rmtree(self.folder)
        self.say("Prompts")
        await make_prompts(self.house.config)
        spoken = {name: await speak(text, self.folder / f"{name}.wav") for name, text in LINES.items()}
        self.say("Redis, a private Asterisk, the world around it, and the service, all on loopback")
        async with self.house as house:
            house.set_clock(BY_DAY)
            before = await house.service.metrics()
            async with Prometheus(self.folder / "prometheus", urlsplit(house.metrics_url).port or 0) as prometheus:
                await prometheus.until("up == 1")
                await self.part(self.call_by_day(spoken))
                await self.part(self.at_night_and_the_morning_after(spoken))
                self.metrics_moved(before, await house.service.metrics())
                await self.part(self.dashboard(prometheus))
            self.verdict()
            if not once:
                await self.stay_up()
        return 1 if self.failures else 0

    async def part(self, work: Awaitable[None]) -> None:
        """One call; whatever goes wrong in it is a failure of the demonstration, with its reason."""
        try:
            await work
        except Exception as problem:
            self.check(False, f"{type(problem).__name__}: {problem}")

    # -- by day ---------------------------------------------------------------------------------------------------

    async def call_by_day(self, spoken: dict[str, Path]) -> None:
        house, service = self.house, self.house.service
        self.timeline.begin(f"A call on {BY_DAY:%A at %H:%M}", time.monotonic())
        self.step("agent", "Anna's phone registers; she is not at work yet")
        anna = await house.world.phone("anna")
        async with house.world.call(NUMBER, caller_id=CALLER) as caller:
            self.step("caller", f"dials {NUMBER}; the line is open")
            await service.event("PromptPlayed", prompts=["welcome"], seconds=20)
            await service.event("PromptPlayed", prompts=["other-language"], seconds=20)
            self.step("caller", "chooses no other language")
            menu = self.sounds / "en" / "main-menu.wav"
            await asyncio.sleep(len(audio.load(menu)) / audio.RATE + 0.5)  # listens to all of it
            await caller.press("1")
            self.step("caller", "presses 1")
            queued = await service.event("CallerQueued", seconds=20)
            self.step("caller", "hears music: nobody is at work yet")
            await asyncio.sleep(3)  # of music, for the ear and for the recording
            self.step("agent", "Anna dials *11: she is at work")
            ringing, _ = await asyncio.gather(anna.rings(within=10), house.begin_shift("anna"))
            shown = "the caller's number" if ringing.caller_id == CALLER else f"{ringing.caller_id!r}"
            self.step("agent", f"Anna's phone rings, showing {shown}; she picks up")
            await ringing.answer()
            await service.event("AgentAnswered", call=queued["call"])
            await asyncio.gather(self.talk("caller", caller, spoken), self.talk("agent", ringing, spoken))
            await ringing.hang_up()
            self.step("agent", "Anna hangs up")
            await caller.hung_up()
        await service.event("CallEnded", call=queued["call"])
        self.say("What they heard, by correlating the recordings with what was said")
        for prompt in ("welcome", "other-language", "main-menu"):
            self.hears("the caller", prompt, caller.heard, self.sounds / "en" / f"{prompt}.wav")
        self.hears("the caller", "Anna", caller.heard, spoken["agent"])
        self.hears("Anna", "the caller", ringing.heard, spoken["caller"])
        self.check(self.music(caller.heard) > 0.5, "music filled the wait")
        await self.why(queued["call"])

    async def why(self, call: str) -> None:
        """What an operator is told who asks why the call went as it did."""
        self.say(f"hotline why {call}")
        environment = os.environ | {
            "HOTLINE_CONFIG": str(self.house.config),
            "HOTLINE_REDIS": self.house.redis.address,
        }
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "hotline", "why", call), cwd=ROOT, env=environment, stdout=asyncio.subprocess.PIPE
        )
        told, _ = await child.communicate()
        self.console.print(told.decode().rstrip(), highlight=False, markup=False)
        self.check(child.returncode == 0 and b"anna" in told, "the queue core tells how the call came to Anna")

    async def talk(self, who: str, call: Call, spoken: dict[str, Path]) -> None:
        if who == "caller":
            await call.speak(spoken[who])
        else:
            await asyncio.sleep(4.5)
            await call.speak(spoken[who])
        self.step(who, f"said: “{LINES[who]}”")

    def hears(self, who: str, what: str, recording: Path, said: Path) -> None:
        found = audio.find(said, recording)
        self.check(found.score > 0.5, f"{who} heard {what} (at {found.at:.1f} s, correlation {found.score:.2f})")

    def music(self, recording: Path) -> float:
        """Which part of the two seconds of waiting that follow the last prompt is loud."""
        last = self.sounds / "en" / "transfer-outage.wav"
        begins = int(audio.find(last, recording).at * audio.RATE) + len(audio.load(last))
        return audio.speech_seconds(audio.load(recording)[begins + audio.RATE : begins + 3 * audio.RATE], 100.0) / 2

    async def at_night_and_the_morning_after(self, spoken: dict[str, Path]) -> None:
        saved = await self.call_at_night(spoken["message"])
        await call_back(self, saved, ZONE, CALLER, spoken)

    # -- at night -------------------------------------------------------------------------------------------------

    async def call_at_night(self, message: Path) -> Line:
        house, service = self.house, self.house.service
        house.set_clock(AT_NIGHT)
        mark = service.mark()
        self.timeline.begin(f"A call on {AT_NIGHT:%A at %H:%M}", time.monotonic())
        async with house.world.call(NUMBER, caller_id=CALLER) as caller:
            self.step("caller", f"dials {NUMBER}")
            await service.event("PromptPlayed", after=mark, prompts=["voicemail-greeting"], seconds=40)
            await asyncio.sleep(0.6)  # the beep
            await caller.speak(message)
            self.step("caller", f"said: “{LINES['message']}”")
            await caller.press("#")
            await self.answers(caller, "message-review", "#", "keeps the message")
            await self.answers(caller, "number-right", "1", "says that the number is right")
            await self.answers(caller, "which-reason", "1", "says that it is about a power cut")
            await self.answers(caller, "which-part", "1", "would like a call in the morning")
            saved = await service.event("VoicemailSaved", after=mark)
            await caller.hung_up(within=30)
        self.say("What became of the message")
        recording = house.spool / "voicemail" / f"{saved['promise']}.wav"
        self.check(recording.exists(), f"the recording lies in {recording.relative_to(ROOT)}")
        self.hears("the recording", "the message", recording, message)
        promise = (await service.event("CallEnded", after=mark)) and self._promise(mark)
        for prompt in promise:
            self.hears("the caller", prompt, caller.heard, self.sounds / "en" / f"{prompt}.wav")
        due = datetime.fromtimestamp(saved["due"], ZONE)
        self.check(due > AT_NIGHT and due.hour < 12, f"the call back is due on {due:%A %Y-%m-%d at %H:%M}")
        line = next((self.house.spool / "outbox").glob("*.jsonl")).read_text().splitlines()[-1]
        kept = json.loads(line)
        about = [kept[name] for name in ("id", "number", "confirmed", "reason", "part")]
        expected = [saved["promise"], CALLER, True, "reason-outage", "morning"]
        self.check(about == expected, "the outbox has its line, with the number, the reason and the part of the day")
        return saved

    async def answers(self, caller: Call, question: str, key: str, what: str) -> None:
        await caller.hears(self.sounds / "en" / f"{question}.wav", within=30)
        await caller.press(key)
        self.step("caller", f"presses {key}: {what}")

    def _promise(self, mark: int) -> list[str]:
        for line in self.house.service.events[mark:]:
            if line.get("event") == "PromptPlayed" and "message-saved" in line["prompts"]:
                return list(line["prompts"])
        raise Failed("the caller was not told when the call back comes")

    # -- afterwards -----------------------------------------------------------------------------------------------

    def metrics_moved(self, before: dict[str, float], after: dict[str, float]) -> None:
        table = Table(title="Metrics that moved", title_justify="left")
        table.add_column("metric", overflow="fold")
        for column in ("before", "after"):
            table.add_column(column, justify="right")
        for name, value in sorted(after.items()):
            was = before.get(name, 0.0)
            quiet = "_bucket" in name or "_created" in name or name.startswith(("process_", "python_"))
            if value != was and not quiet:
                table.add_row(name, f"{was:g}", f"{value:g}")
        self.console.print(table)
        self.check(after.get('hotline_queue_answered_total{queue="power"}') == 1, "one caller was answered")
        self.check(after.get('hotline_voicemails_total{outcome="saved",queue="power"}') == 1, "one message was saved")
        self.check(after.get('hotline_promises{state="talked"}') == 1, "one promise was kept")

    async def dashboard(self, prometheus: Prometheus) -> None:
        """What Grafana would show of the calls, the last of which is the one that was promised."""
        await prometheus.until('hotline_promises_ended_total{state="talked"} == 1', within=5)
        panels = dict(reversed(dashboard_queries()))
        self.say("The dashboard's panels, asked of a real Prometheus that scraped all of it")
        table = Table("panel")
        table.add_column("value", justify="right")
        for panel in (
            "Calls now",
            "Waiting",
            "Service level, last hour",
            "Speed of answer, last hour",
            "Promises due",
        ):
            table.add_row(panel, f"{await prometheus.value(panels[panel]):.4g}")
        self.console.print(table)
        failed = await prometheus.unanswered()
        self.check(
            not failed, f"every one of its {len(dashboard_queries())} queries has a figure {failed or ''}".rstrip()
        )
        level = await prometheus.value(panels["Service level, last hour"])
        self.check(level == 1, "the service level is 100%: the caller was answered within 20 s")

    def verdict(self) -> None:
        if self.failures:
            self.console.print(f"[red bold]✗ {len(self.failures)} steps failed; logs are in {self.folder}")
        else:
            self.console.print("[green bold]✓ Every step of the calls succeeded.")

    async def stay_up(self) -> None:
        """Leave the house to the visitor: our own agents go home, and the clock is that of a working day."""
        house, pbx = self.house, self.house.pbx
        house.set_clock(BY_DAY)
        await house.end_shift("anna")
        await (await house.world.phone("anna", register=False)).unregister()
        table = Table("account", "password", "then", title=f"Register a softphone at 127.0.0.1:{pbx.sip} (UDP)")
        table.add_row("caller", pbx.password, f"dial {NUMBER}")
        for name in ("anna", "binh"):
            table.add_row(name, pbx.password, "*11 begins work, *12 ends it; *14 a break (*141: lunch), *13 its end")
        self.console.print(table)
        clock = house.clock.relative_to(ROOT)
        self.console.print(
            f"For the service it is {BY_DAY:%A %H:%M}; it adds the seconds in {clock} to the real time."
        )
        own = f"HOTLINE_REDIS={house.redis.address} HOTLINE_CLOCK={clock}"
        self.console.print(f"Agents: {own} .venv/bin/hotline agents --help")
        self.console.print(f"Metrics: {house.metrics_url}   Logs: {self.folder}   Ctrl-C stops everything.")
        await asyncio.Event().wait()


def _console() -> Console:
    """As wide as the terminal, or wide enough for a log."""
    return Console() if sys.stdout.isatty() else Console(width=118)


async def main(once: bool) -> int:
    task = asyncio.create_task(Demo(_console()).run(once=once))
    loop = asyncio.get_running_loop()
    for each in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(each, task.cancel)
    try:
        return await task
    except asyncio.CancelledError:
        print("\nStopped; nothing is left running.")
        return 0 if not once else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main("--once" in sys.argv[1:])))
