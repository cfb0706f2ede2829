"""What must be true of Redis after every script, read from the keys themselves."""

from __future__ import annotations

import collections
import json
from typing import Any

from hotline.store import Script

_SOURCE = """
local out = {}
for _, name in ipairs(redis.call('KEYS', KEYS[1] .. '*')) do
  local kind, value = redis.call('TYPE', name).ok, nil
  if name:sub(#KEYS[1] + 1, #KEYS[1] + 3) == 'op:' and redis.call('TTL', name) > 0 then
    redis.call('UNLINK', name)
    kind = nil
  elseif kind == 'hash' then value = redis.call('HGETALL', name)
  elseif kind == 'zset' then value = redis.call('ZRANGE', name, 0, -1, 'WITHSCORES')
  elseif kind == 'list' then value = redis.call('LRANGE', name, 0, -1)
  elseif kind == 'set' then value = redis.call('SMEMBERS', name)
  else value = redis.call('GET', name) end
  if kind then out[#out + 1] = { name:sub(#KEYS[1] + 1), kind, value } end
end
return cjson.encode(out)
"""


class Keys(dict[str, Any]):
    """Every key below the prefix with its content: hashes and sorted sets as dicts, sets as sets, strings as text."""

    def __init__(self) -> None:
        super().__init__()
        self._kinds: dict[str, dict[str, Any]] = collections.defaultdict(dict)

    def put(self, name: str, value: Any) -> None:
        self[name] = value
        kind, _, id = name.partition(":")
        self._kinds[kind][id] = value

    def of(self, kind: str) -> dict[str, Any]:
        """Those named kind:id, by their ids."""
        return self._kinds.get(kind, {})


def dump_script() -> Script:
    """Tells everything, for `parse`, and forgets the answers kept for retries: none comes from before."""
    import hashlib

    return Script(_SOURCE, hashlib.sha1(_SOURCE.encode()).hexdigest())


def parse(reply: bytes) -> Keys:
    keys = Keys()
    for name, kind, value in json.loads(reply):
        match kind:
            case "hash":
                keys.put(name, dict(zip(value[::2], value[1::2], strict=True)))
            case "zset":
                keys.put(name, {m: float(score) for m, score in zip(value[::2], value[1::2], strict=True)})
            case "set":
                keys.put(name, set(value))
            case _:
                keys.put(name, value)
    return keys


def check(keys: Keys) -> None:
    """Raises AssertionError for the first rule that is broken."""
    calls = _records(keys, "call")
    agents = _records(keys, "agent")
    assert keys.get("calls", set()) == set(calls)
    assert keys.get("agents", set()) == set(agents)
    assert not {"offline"} & {agent["state"] for agent in agents.values()}
    _check_lines(keys, calls)
    _check_alone(keys, calls, agents)
    _check_agents(keys, calls, agents)
    _check_counts(keys, calls, agents)
    _check_due(keys, calls, agents)
    _check_no_pair(keys, calls, agents)
    _check_no_leaks(keys, calls)


def _records(keys: Keys, kind: str) -> dict[str, dict[str, str]]:
    blank = collections.defaultdict(str)
    return {id: blank | value for id, value in keys.of(kind).items()}


def _line(call: dict[str, str]) -> str:
    return call["class"] + call["last"]


def _check_lines(keys: Keys, calls: dict[str, dict[str, str]]) -> None:
    waiting = {id: float(call["virtual"]) for id, call in calls.items() if call["state"] == "waiting"}
    lines = {id: float(call["virtual"]) for id, call in calls.items() if call["state"] != "talking"}
    found: dict[str, float] = {}
    for line, members in keys.of("waiting").items():
        assert all(_line(calls[id]) == line for id in members)
        assert not found.keys() & members.keys(), "a call waits in two lines"
        found |= members
    assert found == waiting
    found = {}
    for queue, members in keys.of("queue").items():
        assert all(calls[id]["queue"] == queue for id in members)
        found |= members
    assert found == lines


def _check_alone(keys: Keys, calls: dict[str, dict[str, str]], agents: dict[str, dict[str, str]]) -> None:
    """Who waits for one agent alone is known there and in the queue; and that agent is not on a break."""
    alone = [call for call in calls.values() if call["state"] == "waiting" and call["last"]]
    for_agent: dict[str, set[str]] = collections.defaultdict(set)
    in_queue: dict[str, set[str]] = collections.defaultdict(set)
    for call in alone:
        assert agents[call["last"]]["state"] != "paused"
        for_agent[call["last"]].add(call["class"])
        in_queue[call["queue"]].add(_line(call))
    assert keys.of("alone") == for_agent
    assert keys.of("alone-in") == in_queue
    assert {name for name, agent in agents.items() if agent["alone"]} == set(for_agent)


def _check_agents(keys: Keys, calls: dict[str, dict[str, str]], agents: dict[str, dict[str, str]]) -> None:
    idle = {name: float(agent["since"]) for name, agent in agents.items() if agent["state"] == "idle"}
    found: dict[str, float] = {}
    for profile, members in keys.of("idle").items():
        assert all(agents[agent]["profile"] == profile for agent in members)
        assert not found.keys() & members.keys(), "an agent is idle in two profiles"
        found |= members
    assert found == idle
    for name, agent in agents.items():
        held = [id for id, call in calls.items() if call["state"] in ("offered", "talking") and call["agent"] == name]
        assert held == ([agent["call"]] if agent["call"] else []), f"{name} is in two places: {held}, {agent}"
        assert bool(held) == (agent["state"] in ("offered", "talking"))
        assert agent["device"] or agent["state"] != "device-busy"
        if held:
            assert calls[held[0]]["state"] == agent["state"]
            assert calls[held[0]]["token"] == agent["token"]
        else:
            assert agent["wish"] == ""
    for call in calls.values():
        assert call["state"] not in ("offered", "talking") or call["agent"] in agents
    assert set(keys.get("phones", {}).values()) <= set(agents)


def _check_counts(keys: Keys, calls: dict[str, dict[str, str]], agents: dict[str, dict[str, str]]) -> None:
    """Every count is what one counts."""
    missed = {
        name for name, agent in agents.items() if (agent["state"], agent["reason"]) == ("paused", "missed-calls")
    }
    at_work = collections.Counter(agent["profile"] for name, agent in agents.items() if name not in missed)
    on_staff = collections.Counter(agent["profile"] for agent in agents.values() if agent["state"] != "paused")
    assert {profile: int(count) for profile, count in keys.get("work", {}).items()} == at_work
    assert {profile: int(count) for profile, count in keys.get("staff", {}).items()} == on_staff
    for queue, rules in _records(keys, "rules").items():
        for state in ("waiting", "offered", "talking"):
            held = sum(1 for call in calls.values() if (call["queue"], call["state"]) == (queue, state))
            assert int(rules[state] or 0) == held, (queue, state)
        staff = sum(
            count for profile, count in on_staff.items() if queue in keys.of("queues-for").get(profile, set())
        )
        assert int(rules["staff"] or 0) == staff, queue


def _check_due(keys: Keys, calls: dict[str, dict[str, str]], agents: dict[str, dict[str, str]]) -> None:
    due = keys.get("due", {})
    expected = {f"agent:{name}": float(agent["deadline"]) for name, agent in agents.items() if agent["deadline"]}
    expected |= {f"call:{id}": float(call["deadline"]) for id, call in calls.items() if call["deadline"]}
    lost = {f"call:{id}" for id, call in calls.items() if call["state"] == "lost"}
    assert {
        name: at for name, at in due.items() if name.startswith(("agent:", "call:")) and name not in lost
    } == expected
    assert lost <= set(due)
    for agent in agents.values():
        assert agent["state"] not in ("offered", "wrap-up") or agent["deadline"]
        assert agent["state"] not in ("idle", "talking", "device-busy") or not agent["deadline"]
    for call in calls.values():
        assert call["state"] == "waiting" or not call["deadline"]
        assert call["state"] != "offered" or due[f"agent:{call['agent']}"] == float(call["lease"])


def _check_no_pair(keys: Keys, calls: dict[str, dict[str, str]], agents: dict[str, dict[str, str]]) -> None:
    """No call waits while an agent is idle who could serve it, where the queue has room. Reserve agents are called by
    the expected wait, which the reference looks after."""
    rules = _records(keys, "rules")
    idle = {name: json.loads(agent["profile"]) for name, agent in agents.items() if agent["state"] == "idle"}
    for id, call in calls.items():
        queue = rules[call["queue"]]
        most = float(queue["max_calls"] or 0)
        room = not most or int(queue["offered"] or 0) + int(queue["talking"] or 0) < most
        if call["state"] != "waiting" or not room:
            continue
        _, needs, site = json.loads(call["class"])
        for name, (skills, home, reserve) in idle.items():
            able = all(skills.get(skill, 0) >= level for skill, level in needs.items()) and site in ("", home)
            wanted = name == call["last"] if call["last"] else able and not (reserve and queue["reserve_above"])
            assert not wanted, f"{id} waits, {name} idles"


PASSING = {"calls", "agents", "phones", "work", "staff", "due"}
LASTING = {"classes", "profiles", "token"}
PASSING_KINDS = {"call", "agent", "queue", "waiting", "alone", "alone-in", "idle", "ended", "op", "last", "story"}
LASTING_KINDS = {"rules", "lines", "profiles-for", "classes-for", "queues-for"}


def _check_no_leaks(keys: Keys, calls: dict[str, dict[str, str]]) -> None:
    for name in keys:
        kind, _, id = name.partition(":")
        assert kind in (PASSING_KINDS | LASTING_KINDS if id else PASSING | LASTING), f"an unknown key {name}"
    assert not keys.of("ended").keys() & calls.keys(), "a call has ended and has not"
