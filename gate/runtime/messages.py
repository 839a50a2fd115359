"""What Keras and TensorFlow say while they load: Python warnings and log records, caught in the child."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

_MOST = 200
_LONGEST = 2000


@dataclass(frozen=True)
class Message:
    """One warning or log record. `text` is raw: a file's names may be in it."""

    text: str
    source: str = ""  # the module or logger it came from


TOO_MANY = Message(f"it cannot be told what else was said of the weights: there were more than {_MOST} messages")
"""Stands for all that was not kept. It reads as what it is: a finding (`gate.checks.framework_warnings`)."""


class _Records(logging.Handler):
    def __init__(self, found: list[Message]) -> None:
        super().__init__(logging.WARNING)
        self.found = found

    def emit(self, record: logging.LogRecord) -> None:
        try:
            text = record.getMessage()
        except Exception:  # noqa: BLE001 - a record with wrong arguments is still one
            text = str(record.msg)
        _keep(self.found, text, record.name)


@contextmanager
def messages() -> Iterator[list[Message]]:
    """Within: what is said goes into the list, and nowhere else, however quiet the loggers were told to be before."""
    found: list[Message] = []
    handler = _Records(found)
    loggers = [logging.getLogger(name) for name in ("", "tensorflow", "absl", "keras")]
    before = [(logger, logger.handlers[:], logger.propagate, logger.disabled, logger.level) for logger in loggers]
    disabled = logging.root.manager.disable
    logging.disable(logging.NOTSET)
    for logger in loggers:
        logger.handlers = [handler]
        logger.propagate = False
        logger.disabled = False
        logger.setLevel(logging.WARNING)

    def show(message: Any, category: Any, filename: str, *rest: Any, **more: Any) -> None:  # noqa: ARG001
        _keep(found, str(message), f"{category.__name__} of {filename.rpartition('/')[2]}")

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            warnings.showwarning = show
            yield found
    finally:
        for logger, handlers, propagate, off, level in before:
            logger.handlers, logger.propagate, logger.disabled = handlers, propagate, off
            logger.setLevel(level)
        logging.disable(disabled)


def _keep(found: list[Message], text: str, source: str) -> None:
    message = Message(text[:_LONGEST], source)
    if len(found) < _MOST and message not in found:
        found.append(message)
    elif len(found) == _MOST and message not in found:
        found.append(TOO_MANY)
