"""The PBX under test: a private Asterisk with the hotline's dialplan, a line to the world and agents' accounts."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from pathlib import Path

from lab.asterisk import DIALPLAN, Asterisk, render
from lab.process import free_port

AGENTS = ("anna", "binh", "chi")


class Pbx(Asterisk):
    """Calls from anywhere go to [hotline]; phones in `agents` (and `caller`) register with `password`.

    `servers` are the hotline services ("host:port"), `trunk` the SIP port where the world is (lab.world
    takes it from here), `extra` more dialplan: extensions that
    everyone may dial, then contexts if need be.
    AMI for the service: user `hotline`, `secret`, 127.0.0.1:`ami` (see `ami_address`).
    """

    kind = "pbx"
    password = "loopback-only"

    def __init__(
        self,
        folder: Path,
        *,
        name: str = "pbx1",
        servers: Sequence[str] = (),
        spool: Path,
        sounds: Path,
        trunk: int = 0,
        agents: Sequence[str] = AGENTS,
        extra: str = "",
        rtp_ports: int = 1000,
    ) -> None:
        super().__init__(folder, name, rtp_ports=rtp_ports)
        self.servers, self.spool, self.sounds = list(servers), spool, sounds
        self.trunk = trunk or free_port(socket.SOCK_DGRAM)
        self.agents, self.extra = tuple(agents), extra

    @property
    def ami_address(self) -> str:
        """For HOTLINE_AMI."""
        return f"{self.name}=hotline:{self.secret}@127.0.0.1:{self.ami}"

    async def start(self) -> None:
        each = DIALPLAN / "private" / "pbx" / "each-agent.conf"
        self.values = {
            "servers": ",".join(self.servers) or "127.0.0.1:1",
            "hotline": DIALPLAN / "hotline.conf",
            "password": self.password,
            "agents": "\n".join(render(each, {"agent": agent}) for agent in self.agents),
        }
        await super().start()

    async def set_servers(self, servers: Sequence[str]) -> None:
        """Change the list of services for calls that begin from now on."""
        self.servers = list(servers)
        await self.console(f"dialplan set global HOTLINE_SERVERS {','.join(servers)}")
