"""Where other people's libraries raise: inside `guard` everything becomes an error of `gate.errors`."""

from collections.abc import Iterator
from contextlib import contextmanager

from gate.errors import GateError, UnreadableError
from gate.formats.text import quoted

DAMAGED = "the file is damaged or was cut short: fetch or save it again"


@contextmanager
def guard(what: str, hint: str = DAMAGED) -> Iterator[None]:
    """Turn whatever h5py, zipfile, json or numpy raise on damaged input into `UnreadableError`."""
    try:
        yield
    except GateError:
        raise
    except MemoryError as error:
        raise UnreadableError(f"{what}: not enough memory to read it", hint) from error
    except Exception as error:  # damaged input makes h5py raise nearly anything, so no list is complete
        # A KeyError's text is its key in quotes.
        said = str(error).strip("'\"") if isinstance(error, KeyError) else str(error)
        detail = quoted(said or type(error).__name__)
        raise UnreadableError(f"{what}: {detail}", hint) from error
