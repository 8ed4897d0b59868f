"""Has a plugin say what it fails of before it does: an exception that nobody caught is `unreachable` to the host.

The last call of such a plugin is a line of the log of the level `error` with the field `panic`, which the host takes into
its explanation. Nothing here reads a file, not even for lines of the source: there are none, and looking for one is a trap.
"""

from functools import wraps

from componentize_py_types import Err
from wit_world.imports import log

MOST_FRAMES = 20
MOST_CAUSES = 4
MOST_CHARACTERS = 3000


def guarded(call):
    """Wraps what a plugin exports, `grade` or `solve`. What the contract has for errors (`Err`) goes through as it is."""

    @wraps(call)
    def guard(*arguments):
        try:
            return call(*arguments)
        except Err:
            raise
        except BaseException as error:
            tell(error)
            raise

    return guard


def tell(error: BaseException) -> None:
    """Writes the exception to the log, innermost frame first, with those that it came of."""
    try:
        text = "\n".join(described(error))[:MOST_CHARACTERS]
        # What is no text in UTF-8 cannot cross the boundary.
        text = text.encode("utf-8", "backslashreplace").decode("utf-8")
        log.write(log.Level.ERROR, text, [log.Field("panic", type(error).__name__)])
    except Exception:
        # There is no memory left: then it fails without words.
        pass


def named(error: BaseException) -> str:
    name = type(error).__name__
    try:
        return f"{name}: {error}"
    except Exception:
        # Its own `__str__` fails.
        return name


def described(error):
    for number in range(MOST_CAUSES):
        yield ("because of " if number else "") + named(error)
        frames = []
        trace = error.__traceback__
        while trace is not None:
            code = trace.tb_frame.f_code
            frames.append(f"  at {code.co_qualname} ({code.co_filename}:{trace.tb_lineno})")
            trace = trace.tb_next
        yield from reversed(frames[-MOST_FRAMES:])
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        if error is None:
            return
