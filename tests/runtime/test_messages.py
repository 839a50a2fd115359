"""What frameworks say while they load is caught, all of it or with a word on what was not kept."""

import logging
import warnings

from gate.checks.framework_warnings import is_of_the_weights
from gate.runtime.messages import TOO_MANY, messages


def test_warnings_and_log_records_are_caught_and_nothing_else_changes() -> None:
    logger = logging.getLogger("tensorflow")
    before = logger.handlers[:]
    with messages() as said:
        warnings.warn("skipped the weights", UserWarning, stacklevel=1)
        logger.warning("Value in %s could not be found", "checkpoint")
        logging.getLogger("absl").info("nothing of note")
    assert [each.text for each in said] == ["skipped the weights", "Value in checkpoint could not be found"]
    assert logger.handlers == before


def test_loggers_that_were_told_to_be_quiet_speak_here_and_are_quiet_again_after() -> None:
    quiet = logging.getLogger("absl"), logging.getLogger("tensorflow")
    levels = [logger.level for logger in quiet]
    try:
        for logger in quiet:
            logger.setLevel(logging.ERROR)
        logging.disable(logging.CRITICAL)
        with messages() as said:
            for logger in quiet:
                logger.warning("nothing was loaded")
        assert [each.source for each in said] == ["absl", "tensorflow"]
        assert [logger.level for logger in quiet] == [logging.ERROR, logging.ERROR]
        assert logging.root.manager.disable == logging.CRITICAL
    finally:
        logging.disable(logging.NOTSET)
        for logger, level in zip(quiet, levels, strict=True):
            logger.setLevel(level)


def test_what_is_too_much_is_no_secret() -> None:
    with messages() as said:
        for number in range(1000):
            logging.getLogger("absl").warning("message %d", number)
    assert said[-1] == TOO_MANY
    assert said.count(TOO_MANY) == 1
    assert is_of_the_weights(TOO_MANY.text)
