"""Where callers can get to: circles that no one can leave, menus and steps that no one reaches."""

from __future__ import annotations

from collections.abc import Mapping

from hotline.schema import steps
from hotline.schema.document import Path_
from hotline.schema.draft import Draft
from hotline.schema.problems import quoted
from hotline.schema.shape import StepShape

Menus = Mapping[str, tuple[StepShape | None, ...]]


def check_circles(draft: Draft) -> None:
    """Complain about menus that lead back to themselves without a step that waits for the caller."""
    read = _read(draft)
    leads = {name: _at_once(name, row) for name, row in read.items()}
    told: set[str] = set()
    for name in leads:
        circle = _circle(name, leads)
        if circle and not told.intersection(circle):
            told.update(circle)
            path = leads[circle[0]][circle[1]]
            way = " → ".join(circle)
            draft.document.complain(path, f"an endless circle: {way}; nothing on the way waits for the caller")


def warn_unreached(draft: Draft) -> None:
    """Warn about menus that no number leads to, and steps behind one that always leaves."""
    read = _read(draft)
    reached: set[str] = set()
    ahead = [menu for menu in draft.entries.values() if menu is not None]
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


def _circle(start: str, leads: Mapping[str, Mapping[str, Path_]]) -> tuple[str, ...]:
    """The shortest way from `start` back to itself, or ()."""
    ways: list[tuple[str, ...]] = [(start,)]
    seen: set[str] = set()
    for way in ways:
        for menu in leads.get(way[-1], {}):
            if menu == start:
                return (*way, start)
            if menu not in seen:
                seen.add(menu)
                ways.append((*way, menu))
    return ()
