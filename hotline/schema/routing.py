"""Who may get whose calls: queues and agents held against each other.

Rules of this file:
- As in hotline.schema.check: it complains and warns, concludes nothing from parts that could not be read.
- A mistake is what leaves callers unserved or a rule without any effect that was surely meant to have one; what only
  looks odd is a warning.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from hotline.schema import steps
from hotline.schema.document import Path_
from hotline.schema.draft import Draft
from hotline.schema.kinds import Skills, written
from hotline.schema.problems import nearest, quoted, unknown
from hotline.schema.rules import check_rest, check_rules, limits
from hotline.schema.shape import AgentShape, QueueShape, QueueStep


def check_routing(draft: Draft) -> None:
    """Complain about queues that nobody serves, rules that cannot be met, agents who share what is theirs."""
    for name, queue in _queues(draft):
        check_rules(draft.document, ("queues", name), queue)
        _check_overflow(draft, name, queue)
    _check_agents(draft)
    if None in draft.agents.values() or "agents" in draft.unread:
        return
    agents = dict(_agents(draft))
    for name, queue in _queues(draft):
        _check_needs(draft, name, queue, agents)
        if queue.own_site and not _sites(agents):
            message = "no agent has a `site`, so nobody is of the caller's own; give the agents theirs"
            draft.document.complain(("queues", name, "own_site"), message)
    for dialed, entry in draft.entries.items():
        if entry and entry.site and entry.site not in _sites(agents):
            message = unknown("site", entry.site, _sites(agents))
            draft.document.complain(("entries", dialed, "site"), message)


def warn_routing(draft: Draft) -> None:
    """Warn about rules that have no effect; of a draft without problems."""
    agents, queues = dict(_agents(draft)), dict(_queues(draft))
    warn = draft.document.warn
    for name, queue in queues.items():
        path: Path_ = ("queues", name)
        if queue.own_site and not any(entry and entry.site for entry in draft.entries.values()):
            warn((*path, "own_site"), "no entry says of which site its callers are, so this has no effect")
        if queue.reserve_above and not any(agent.reserve for agent in agents.values()):
            warn((*path, "reserve_above"), "no agent has `reserve: yes`, so this has no effect")
        everyday = {name: agent for name, agent in agents.items() if not agent.reserve}
        if queue.reserve_above and not _able(everyday, _steps_of(path, queue)[-1][1]):
            warn((*path, "reserve_above"), "only reserve agents could answer, so callers always wait this long")
        for place, needs in _steps_of(path, queue)[:-1]:
            if not _able(agents, needs):
                warn(place, f"no agent has {_written(needs)}: callers pass this step at once")
    needed = {skill for name, queue in queues.items() for _, needs in _steps_of((name,), queue) for skill in needs}
    for name, agent in agents.items():
        for skill in sorted(agent.skills.keys() - needed):
            if meant := nearest(skill, needed):  # others may be for a queue to come
                message = f"no queue needs skill {quoted(skill)} (did you mean {quoted(meant)}?)"
                warn(("agents", name, "skills", skill), message, key=True)
    if not any(queue.reserve_above for queue in queues.values()):
        for name, agent in agents.items():
            if agent.reserve:
                message = "no queue has `reserve_above`, so this agent gets calls like everybody"
                warn(("agents", name, "reserve"), message)


def _queues(draft: Draft) -> Iterator[tuple[str, QueueShape]]:
    return ((name, queue) for name, queue in draft.queues.items() if queue is not None)


def _agents(draft: Draft) -> Iterator[tuple[str, AgentShape]]:
    return ((name, agent) for name, agent in draft.agents.items() if agent is not None)


def _sites(agents: Mapping[str, AgentShape]) -> set[str]:
    return {agent.site for agent in agents.values() if agent.site}


def _able(agents: Mapping[str, AgentShape], needs: Skills) -> bool:
    return any(
        all(agent.skills.get(skill, 0) >= level for skill, level in needs.items()) for agent in agents.values()
    )


def _written(needs: Skills) -> str:
    return " and ".join(f"{skill} {level}" for skill, level in needs.items()) or "been configured"


def _steps_of(path: Path_, queue: QueueShape) -> list[tuple[Path_, Skills]]:
    """What is needed at first and after each widening, each with its place."""
    wider = [((*path, "widen", index, "needs"), step.needs) for index, step in enumerate(queue.widen)]
    return [((*path, "needs"), queue.needs), *wider]


def _check_needs(draft: Draft, name: str, queue: QueueShape, agents: Mapping[str, AgentShape]) -> None:
    """Every skill is somebody's, and the widest step can be served."""
    path: Path_ = ("queues", name)
    skills = {skill for agent in agents.values() for skill in agent.skills}
    for skill in queue.needs:
        if skill not in skills:
            draft.document.complain((*path, "needs", skill), unknown("skill", skill, skills), key=True)
    place, widest = _steps_of(path, queue)[-1]
    if widest.keys() <= skills and not _able(agents, widest):
        even = ", even at its last step" if queue.widen else ""
        message = f"nobody could ever answer queue {quoted(name)}{even}: no agent has {_written(widest)}"
        draft.document.complain(place, message)


def _check_agents(draft: Draft) -> None:
    owners: dict[str, str] = {}
    for name, agent in _agents(draft):
        path: Path_ = ("agents", name)
        owner = owners.setdefault(agent.phone, name)
        if owner != name:
            message = f"{agent.phone} is already the phone of agent {quoted(owner)}; each agent needs their own"
            draft.document.complain((*path, "phone"), message)
        check_rest(draft.document, path, agent.max_in_row, agent.cool_down)


def _check_overflow(draft: Draft, name: str, queue: QueueShape) -> None:
    """Its menu exists, and does something for the caller before it leads back into the queue."""
    if queue.overflow is None or "menus" in draft.unread:
        return
    path: Path_ = ("queues", name, "overflow", "to")
    to = queue.overflow.to
    if to not in draft.menus:
        draft.document.complain(path, unknown("menu", to, draft.menus))
    for next_queue in sorted(_joined_at_once(draft, to)):
        if next_queue == name:
            message = f"menu {quoted(to)} leads straight back into queue {quoted(name)}; lead callers somewhere else"
            draft.document.complain(path, message)
        elif (other := draft.queues.get(next_queue)) is not None:
            _check_time_left(draft, path, queue.overflow.after, next_queue, other)


def _check_time_left(draft: Draft, path: Path_, after: float, name: str, queue: QueueShape) -> None:
    """Who comes to a queue by overflow has waited for `after` seconds already; not all that it allows."""
    for limit, most in limits(queue):
        if after >= most:
            message = (
                f"who comes to queue {quoted(name)} after {written(after)} leaves it at once: its {limit} is "
                f"{written(most)}, and the wait before counts"
            )
            draft.document.complain(path, message)
            return


def _joined_at_once(draft: Draft, menu: str) -> set[str]:
    """The queues that callers may come to from a menu without being asked or helped by anybody on the way."""
    queues: set[str] = set()
    seen, ahead = set[str](), [menu]
    while ahead:
        name = ahead.pop()
        if name in seen:
            continue
        seen.add(name)
        for step in draft.menus.get(name) or ():
            if isinstance(step, QueueStep):
                queues.add(step.queue)
            if step is None or steps.waits(step):
                break
            ahead += [target for _, target in steps.menus(step)]
            if steps.leaves(step):
                break
    return queues
