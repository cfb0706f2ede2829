"""A private Asterisk in a folder of its own, configured from dialplan/private, on free ports of 127.0.0.1."""

from __future__ import annotations

import asyncio
import secrets
import shutil
import socket
import string
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from lab.manager import Manager, Message
from lab.process import NotReady, PortRange, Process, free_port
from lab.programs import PROJECT, asterisk_folder, program

DIALPLAN = PROJECT / "dialplan"

_EMPTY = ("acl", "ccss", "cdr", "cel", "features", "pjproject", "queues", "udptl")
"""Configuration that Asterisk complains about when it is not there."""


class Template(string.Template):
    """Asterisk's own variables are ${NAME}; ours are @{name}."""

    delimiter = "@"


def render(template: Path, values: Mapping[str, object]) -> str:
    return Template(template.read_text()).substitute(values)


class Asterisk:
    """`kind` names the folder of templates beside `common`; subclasses add `values` before `start`.

    `folder` keeps configuration, logs and recordings; `name` is the systemname, the prefix of all its call ids.
    """

    kind = ""

    def __init__(self, folder: Path, name: str, *, rtp_ports: int = 1000) -> None:
        self.folder, self.name = folder.resolve(), name
        self.sip, self.ami = free_port(socket.SOCK_DGRAM), free_port()
        self.secret = secrets.token_hex(8)
        self._rtp_ports = rtp_ports
        self.values: dict[str, object] = {}
        config = self.folder / "etc" / "asterisk.conf"
        self.process = Process(
            name, [program("asterisk"), "-f", "-C", config], log=self.folder / "log" / "console.log"
        )

    @property
    def log(self) -> Path:
        """What Asterisk says of every dialplan step."""
        return self.folder / "log" / "full"

    async def start(self) -> None:
        """Write the configuration, start, and wait until everything is loaded."""
        if not hasattr(self, "_rtp"):
            self._rtp = PortRange(self._rtp_ports)
            self._run = Path(tempfile.mkdtemp(prefix="hotline-"))  # short: a Unix socket's path has 107 bytes
        self._configure()
        await self.process.start()
        await self.process.port_open(self.ami)
        self.manager = Manager(self.on_event)
        await self.manager.connect(self.ami, "lab", self.secret)
        try:
            await asyncio.wait_for(self.manager.booted.wait(), 20)
        except TimeoutError:
            raise NotReady(f"{self.name} did not finish loading within 20 s; see {self.log}.") from None

    def on_event(self, message: Message) -> None:
        """An AMI event; subclasses listen."""

    async def stop(self) -> None:
        """End it at once, its calls too, and give the ports back."""
        await self._hush()
        await self.process.stop()
        if hasattr(self, "_rtp"):
            self._rtp.release()
            shutil.rmtree(self._run, ignore_errors=True)
            del self._rtp

    async def kill(self) -> None:
        """kill -9; `start` brings it back on the same ports."""
        await self._hush()
        await self.process.kill()

    async def _hush(self) -> None:
        if hasattr(self, "manager"):
            await self.manager.close()
            del self.manager

    async def console(self, command: str) -> str:
        """What `asterisk -rx COMMAND` prints."""
        child = await asyncio.create_subprocess_exec(
            program("asterisk"), "-C", self.folder / "etc" / "asterisk.conf", "-rx", command,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        output, _ = await child.communicate()
        return output.decode(errors="replace")

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    # -- configuration --------------------------------------------------------------------------------------------

    def _configure(self) -> None:
        for name in ("etc", "lib", "log", "spool", "data"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        self._lend_data()
        values = {
            **vars(self), **self.values, "run": self._run,
            "modules": asterisk_folder("modules"), "music": asterisk_folder("music"),
            "rtp_first": self._rtp.first, "rtp_last": self._rtp.last,
        }  # fmt: skip
        for name in _EMPTY:
            (self.folder / "etc" / f"{name}.conf").touch()
        for part in ("common", self.kind):
            for template in (DIALPLAN / "private" / part).glob("*.conf"):
                if not template.name.startswith("each-"):
                    (self.folder / "etc" / template.name).write_text(render(template, values))

    def _lend_data(self) -> None:
        """Link Asterisk's documentation and its English prompts, which a private tree has under another name."""
        system = asterisk_folder("data")
        for source in system.iterdir():
            target = self.folder / "data" / source.name
            if source.name != "sounds" and not target.is_symlink():
                target.symlink_to(source)
        sounds = self.folder / "data" / "sounds"
        sounds.mkdir(exist_ok=True)
        found = [each for each in (system / "sounds" / "en_US_f_Allison", system / "sounds" / "en") if each.is_dir()]
        if found and not (sounds / "en").is_symlink():
            (sounds / "en").symlink_to(found[0])
