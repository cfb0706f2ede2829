"""What must be true of Redis after every script, read from the keys themselves."""

from __future__ import annotations

import json
from typing import Any

from hotline.store import Script

_SOURCE = """
local out = {}
for _, name in ipairs(redis.call('KEYS', KEYS[1] .. '*')) do
  local kind, value = redis.call('TYPE', name).ok, nil
  if kind == 'hash' then value = redis.call('HGETALL', name)
  elseif kind == 'zset' then value = redis.call('ZRANGE', name, 0, -1, 'WITHSCORES')
  elseif kind == 'set' then value = redis.call('SMEMBERS', name)
  else value = redis.call('GET', name) end
  out[#out + 1] = { name:sub(#KEYS[1] + 1), kind, value }
end
return cjson.encode(out)
"""


def dump_script() -> Script:
    import hashlib

    return Script(_SOURCE, hashlib.sha1(_SOURCE.encode()).hexdigest())


def parse(reply: bytes) -> dict[str, Any]:
    """Every key below the prefix with its content: hashes and sorted sets as dicts, sets as sets, strings as text."""
    keys: dict[str, Any] = {}
    for name, kind, value in json.loads(reply):
        match kind:
            case "hash":
                keys[name] = dict(zip(value[::2], value[1::2], strict=True))
            case "zset":
                keys[name] = {member: float(score) for member, score in zip(value[::2], value[1::2], strict=True)}
            case "set":
                keys[name] = set(value)
            case _:
                keys[name] = value
    return keys


def check(keys: dict[str, Any]) -> None:
    """Raises AssertionError for the first rule that is broken."""
    calls = _records(keys, "call:")
    agents = _records(keys, "agent:")
    assert keys.get("calls", set()) == set(calls)
    assert keys.get("agents", set()) == set(agents)
    assert not {"offline"} & {agent["state"] for agent in agents.values()}
    _check_lines(keys, calls)
    _check_agents(keys, calls, agents)
    _check_due(keys, calls, agents)
    _check_no_pair(calls, agents)
    _check_no_leaks(keys, calls)


def _records(keys: dict[str, Any], kind: str) -> dict[str, dict[str, str]]:
    return {name.removeprefix(kind): value for name, value in keys.items() if name.startswith(kind)}


def _check_lines(keys: dict[str, Any], calls: dict[str, dict[str, str]]) -> None:
    waiting = {id: float(call["virtual"]) for id, call in calls.items() if call["state"] == "waiting"}
    lines = {id: float(call["virtual"]) for id, call in calls.items() if call["state"] != "talking"}
    found: dict[str, float] = {}
    for name, members in keys.items():
        if name.startswith("waiting:"):
            assert all(calls[id]["class"] == name.removeprefix("waiting:") for id in members)
            assert not found.keys() & members.keys(), "a call waits in two classes"
            found |= members
    assert found == waiting
    found = {}
    for name, members in keys.items():
        if name.startswith("queue:"):
            assert all(calls[id]["queue"] == name.removeprefix("queue:") for id in members)
            found |= members
    assert found == lines
    assert keys.get("queues", set()) == {calls[id]["queue"] for id in lines}


def _check_agents(keys: dict[str, Any], calls: dict[str, dict[str, str]], agents: dict[str, dict[str, str]]) -> None:
    idle = {name: float(agent["since"]) for name, agent in agents.items() if agent["state"] == "idle"}
    found: dict[str, float] = {}
    for name, members in keys.items():
        if name.startswith("idle:"):
            assert all(agents[agent]["profile"] == name.removeprefix("idle:") for agent in members)
            assert not found.keys() & members.keys(), "an agent is idle in two profiles"
            found |= members
    assert found == idle
    for name, agent in agents.items():
        held = [id for id, call in calls.items() if call["state"] in ("offered", "talking") and call["agent"] == name]
        assert held == ([agent["call"]] if agent["call"] else []), f"{name} is in two places: {held}, {agent}"
        assert bool(held) == (agent["state"] in ("offered", "talking"))
        if held:
            assert calls[held[0]]["state"] == agent["state"]
            assert calls[held[0]]["token"] == agent["token"]
        else:
            assert agent["wish"] == ""
    for call in calls.values():
        assert call["state"] not in ("offered", "talking") or call["agent"] in agents


def _check_due(keys: dict[str, Any], calls: dict[str, dict[str, str]], agents: dict[str, dict[str, str]]) -> None:
    due = keys.get("due", {})
    expected = {f"agent:{name}": float(agent["deadline"]) for name, agent in agents.items() if agent["deadline"]}
    lost = {f"call:{id}" for id, call in calls.items() if call["state"] == "lost"}
    assert {name: at for name, at in due.items() if name.startswith("agent:")} == expected
    assert {name for name in due if name.startswith("call:")} == lost
    for agent in agents.values():
        assert agent["state"] not in ("offered", "wrap-up") or agent["deadline"]
        assert agent["state"] not in ("idle", "talking") or not agent["deadline"]
    for call in calls.values():
        assert call["state"] != "offered" or due[f"agent:{call['agent']}"] == float(call["lease"])


def _check_no_pair(calls: dict[str, dict[str, str]], agents: dict[str, dict[str, str]]) -> None:
    for name, agent in agents.items():
        skills = json.loads(agent["profile"])
        for id, call in calls.items():
            if agent["state"] == "idle" and call["state"] == "waiting":
                needs = json.loads(call["class"])
                assert any(skills.get(skill, 0) < level for skill, level in needs.items()), (
                    f"{id} waits, {name} idles"
                )


_LASTING = {"calls", "agents", "queues", "due", "classes", "profiles", "token"}
_KINDS = ("call", "agent", "queue", "waiting", "idle", "profiles-for", "classes-for", "ended", "op")


def _check_no_leaks(keys: dict[str, Any], calls: dict[str, dict[str, str]]) -> None:
    for name in keys:
        assert name in _LASTING or name.split(":")[0] in _KINDS, f"an unknown key {name}"
    ended = {name.removeprefix("ended:") for name in keys if name.startswith("ended:")}
    assert not ended & set(calls), "a call has ended and has not"
