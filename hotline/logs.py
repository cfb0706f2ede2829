"""The log: one JSON object per line on stderr, or coloured lines where stderr is a terminal.

Rules of this file:
- Every line written while a call is in hand carries its `call`, bound by `structlog.contextvars.bound_contextvars`.
  Lines of libraries take the same way as our own.
- No phone number gets out. Nobody should log one; a second net masks whatever looks like one (six digits or more
  in a row, with or without +) in every text, in every traceback and in every number, but for the fields of
  `NO_NUMBERS`, which we fill ourselves.
- Logging never raises.
"""

from __future__ import annotations

import contextlib
import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any, TextIO

import structlog
from structlog.types import Processor

from hotline.events import Emit, Event

NO_NUMBERS = (
    frozenset(("at", "call", "calls", "due", "level", "logger", "pid", "port", "promise", "timestamp", "token"))
    | {"age", "attempts", "position", "rang", "seconds", "talked", "waited"}
    | {"byte", "entry", "path"}
)
"""Fields whose digits are moments, durations, counts, ports, ids and files of ours, and the hotline's own public
numbers. Every figure of an event is among them."""

MASK = "[number]"
DIGITS = 6
"""Shorter runs of digits are no telephone numbers."""

_stamp = structlog.processors.TimeStamper(fmt="iso", utc=True)
_DEEPEST = 8
_NUMBER = re.compile(rf"\+?\d{{{DIGITS},}}")


class _Handler(logging.StreamHandler[TextIO]):
    """Ours, so that a second `configure_logging` replaces it and nobody else's."""

    def __init__(self, stream: TextIO, renderer: Processor) -> None:
        super().__init__(stream)
        self._renderer = renderer

    def write(self, line: MutableMapping[str, Any]) -> None:
        """One line, as it is but for the mask."""
        text = str(self._renderer(None, "info", mask_numbers(None, "info", line)))
        with self.lock or contextlib.nullcontext():
            self.stream.write(text + self.terminator)
            self.flush()


def configure_logging(
    stream: TextIO | None = None, *, console: bool | None = None, level: int = logging.INFO
) -> None:
    """Send all logging to `stream` (default: stderr); `console` None asks whether it is a terminal."""
    stream = sys.stderr if stream is None else stream
    console = stream.isatty() if console is None else console
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        _stamp,
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.PositionalArgumentsFormatter(),
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    renderer = _renderer(console)
    handler = _Handler(stream, renderer)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, mask_numbers, renderer],
        )
    )
    logging.getLogger("asyncio_redis").setLevel(logging.WARNING)  # it tells every try; LinkChanged tells what matters
    root = logging.getLogger()
    root.handlers = [*(each for each in root.handlers if not isinstance(each, _Handler)), handler]
    root.setLevel(level)


def event_logger() -> Emit:
    """An Emit that logs each event under its class name, with its fields.

    Events are most of the log, so they take the short way to our handler, at a quarter of the price.
    """
    root = logging.getLogger()

    def emit(event: Event) -> None:
        with contextlib.suppress(Exception):  # an Emit never raises
            if root.level > logging.INFO:
                return
            line: MutableMapping[str, Any] = {
                **structlog.contextvars.get_contextvars(),
                "event": type(event).__name__,
                "at": event.at,
                **event.fields(),
                "level": "info",
                "logger": "hotline.events",
            }
            _stamp(None, "info", line)
            for handler in root.handlers:
                if isinstance(handler, _Handler):
                    handler.write(dict(line))

    return emit


def mask_numbers(_: Any, __: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """The second net, as a structlog processor: the last before the line is written."""
    for name, value in line.items():
        if name not in NO_NUMBERS:
            line[name] = masked(value)
    return line


def masked(value: Any, depth: int = 0) -> Any:
    """`value` with whatever looks like a phone number masked; what is no plain value becomes text."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, (int, float)):
        return MASK if abs(value) >= 10 ** (DIGITS - 1) else value
    if depth < _DEEPEST:
        if isinstance(value, Mapping):
            return {masked(str(key)): masked(each, depth + 1) for key, each in value.items()}
        if isinstance(value, (list, tuple, set, frozenset)):
            return [masked(each, depth + 1) for each in value]
    return _NUMBER.sub(MASK, value if isinstance(value, str) else str(value))


def _renderer(console: bool) -> Processor:
    if console:
        return structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    return structlog.processors.JSONRenderer(ensure_ascii=False)
