"""What Redis holds of one agent, for people to look at; lua/README.md describes the keyspace."""

from __future__ import annotations

from dataclasses import dataclass

from hotline.store import Store


@dataclass(frozen=True, slots=True)
class Record:
    """`since`: the moment of the last change of state; `until`: when the state ends by itself; 0 for none.

    `misses` and `row` count missed offers and conversations in a row. `queue` is that of the call in hand.
    """

    state: str
    phone: str
    reason: str = ""
    since: float = 0.0
    until: float = 0.0
    call: str = ""
    queue: str = ""
    misses: int = 0
    row: int = 0
    wish: str = ""
    """What begins after the call in hand: offline or paused."""


async def agent_record(store: Store, name: str, *, prefix: str = "hotline:") -> Record | None:
    """The agent's record; None for one who is not logged in. Raises StoreDown."""
    fields = _text(await store.read("hgetall", f"{prefix}agent:{name}".encode()))
    if not fields:
        return None
    call = fields.get("call", "")
    of_call = _text(await store.read("hgetall", f"{prefix}call:{call}".encode())) if call else {}
    return Record(
        state=fields["state"],
        phone=fields["phone"],
        reason=fields.get("reason", ""),
        since=float(fields.get("changed") or 0),
        until=float(fields.get("deadline") or 0),
        call=call,
        queue=of_call.get("queue", ""),
        misses=int(float(fields.get("misses") or 0)),
        row=int(float(fields.get("row") or 0)),
        wish=fields.get("wish", ""),
    )


def _text(fields: dict[bytes, bytes]) -> dict[str, str]:
    return {name.decode(): value.decode() for name, value in fields.items()}
