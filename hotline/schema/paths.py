"""Where callers can get to: circles that no one can leave, menus and steps that no one reaches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from hotline.schema import steps
from hotline.schema.document import Path_
from hotline.schema.draft import Draft
from hotline.schema.problems import quoted
from hotline.schema.shape import KeysStep, StepShape

MOST_SHOWN = 8

Menus = Mapping[str, tuple[StepShape | None, ...]]


def check_circles(draft: Draft) -> None:
    """Complain about menus that lead back to themselves without a step that waits for the caller."""
    leads = {name: _at_once(name, row) for name, row in _read(draft).items()}
    for circle in _circles(leads):
        shown = circle if len(circle) <= MOST_SHOWN else (*circle[: MOST_SHOWN - 1], "…", circle[-1])
        message = f"an endless circle: {' → '.join(shown)}; nothing on the way waits for the caller"
        draft.document.complain(leads[circle[-2]][circle[-1]], message)


def warn_unreached(draft: Draft) -> None:
    """Warn about menus that no number leads to, steps behind one that always leaves, and ends without a word."""
    read = _read(draft)
    reached: set[str] = set()
    ahead = [entry.menu for entry in draft.entries.values() if entry is not None]
    ahead += [queue.overflow.to for queue in draft.queues.values() if queue and queue.overflow]
    while ahead:
        menu = ahead.pop()
        if menu not in reached:
            reached.add(menu)
            ahead += [name for step in read.get(menu, ()) if step is not None for _, name in steps.menus(step)]
    for name, row in read.items():
        if name not in reached:
            draft.document.warn(("menus", name), f"no caller ever reaches menu {quoted(name)}", key=True)
        for index, step in enumerate(row[:-1]):
            if step is not None and steps.leaves(step):
                draft.document.warn(
                    ("menus", name, index + 1), "no caller ever reaches this step: the one before it leaves"
                )
                break
        if row and isinstance(row[-1], KeysStep) and row[-1].keys.otherwise is None:
            message = "who presses no valid key is hung up on without a word; give `otherwise` or one more step"
            draft.document.warn(("menus", name, len(row) - 1), message)


def _read(draft: Draft) -> Menus:
    return {name: row for name, row in draft.menus.items() if row is not None}


def _at_once(name: str, row: tuple[StepShape | None, ...]) -> dict[str, Path_]:
    """The menus reached before any step that waits, and where each is named."""
    found: dict[str, Path_] = {}
    for index, step in enumerate(row):
        if step is None or steps.waits(step):
            break
        for path, menu in steps.menus(step):
            found.setdefault(menu, ("menus", name, index, *path))
        if steps.leaves(step):
            break
    return found


def _circles(leads: Mapping[str, Mapping[str, Path_]]) -> Iterator[tuple[str, ...]]:
    """Ways that end where they begin, each link walked once: as many as it takes to break all circles."""
    done: set[str] = set()
    for start in leads:
        way: dict[str, Iterator[str]] = {} if start in done else {start: iter(leads[start])}
        while way:
            last = next(reversed(way))
            ahead = next(way[last], None)
            if ahead is None:
                del way[last]
                done.add(last)
            elif ahead in way:
                names = list(way)
                yield (*names[names.index(ahead) :], ahead)
            elif ahead not in done:
                way[ahead] = iter(leads.get(ahead, ()))
