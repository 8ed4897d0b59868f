"""What a plugin exports, and the words for verdicts and errors."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from types import ModuleType
from typing import TYPE_CHECKING, Any

from ._host import interface
from ._text import crossing, plain

if TYPE_CHECKING:
    from ._bindings.wit_world.imports.types import Answer, Check, Task, Verdict

# How much of what nobody caught is written: the log keeps 4 KiB of a message, and of an
# exception's own words there should be room for where it was raised.
_MAX_TEXT = 3000
_MAX_WORDS = 1000
_MAX_FRAMES = 20
_MAX_CAUSES = 4


class BadAnswerKey(Exception):
    """The task's private configuration cannot be used; the text says what was expected. For graders."""


class Unsupported(Exception):
    """The plugin does not work on, or judge, tasks of this kind."""


def grader(judge: Callable[[Task], Verdict]) -> type:
    """The class that a grader exports, as `Grading`, of the function that judges one submission.

    The function has to come to the same verdict whenever it reads the same things. It raises
    `BadAnswerKey` or `Unsupported` when it cannot come to one.
    """

    guarded = _guarded(judge, "GradeError")

    class Grading:
        def grade(self, task: Task) -> Verdict:
            verdict: Verdict = guarded(task)
            return verdict

    return Grading


def agent(work: Callable[[Task], Answer]) -> type:
    """The class that an agent exports, as `Solving`, of the function that works on one task.

    It raises `Unsupported` when it does not work on tasks of that kind.
    """

    guarded = _guarded(work, "SolveError")

    class Solving:
        def solve(self, task: Task) -> Answer:
            answer: Answer = guarded(task)
            return answer

    return Solving


def passed(
    reason: str, *, score: int = 1000, checks: Iterable[Check] = (), explanation: str = ""
) -> Verdict:
    """The verdict *pass*, with a reason code and a score from 1 to 1000 thousandths."""
    types = interface("types")
    verdict: Verdict = types.Verdict(types.Outcome.PASS, reason, score, list(checks), explanation)
    return verdict


def failed(reason: str, *, checks: Iterable[Check] = (), explanation: str = "") -> Verdict:
    """The verdict *fail*, with a reason code. What cannot be decided is an error, and no fail."""
    types = interface("types")
    verdict: Verdict = types.Verdict(types.Outcome.FAIL, reason, 0, list(checks), explanation)
    return verdict


def setting(name: str) -> Any:
    """What was set under a name, or its default: a text, a number or a flag. `None` for what
    nobody set and has no default. The plugin has to ask for `settings`."""
    value = interface("settings").value(name)
    return None if value is None else json.loads(value)


def _guarded(function: Callable[[Task], Any], errors: str) -> Callable[[Task], Any]:
    """Has a function's errors be those of the contract, and what nobody caught be told."""
    err = __import__("componentize_py_types").Err
    types = interface("types")
    log: ModuleType | None
    try:
        log = interface("log")
    except ImportError:
        log = None
    bad_answer_key = getattr(types, f"{errors}_BadAnswerKey", None)
    unsupported = getattr(types, f"{errors}_Unsupported")

    def guard(task: Task) -> Any:
        try:
            return crossing(function(task))
        except BaseException as error:
            if isinstance(error, BadAnswerKey) and bad_answer_key is not None:
                raise err(bad_answer_key(plain(str(error)))) from error
            if isinstance(error, Unsupported):
                raise err(unsupported(plain(str(error)))) from error
            # An error of the contract that was raised as such is no mistake.
            value = getattr(error, "value", None)
            is_of_contract = isinstance(error, err) and type(value).__name__.startswith(f"{errors}_")
            if log is not None and not is_of_contract:
                _tell(log, error)
            raise

    return guard


def _tell(log: ModuleType, error: BaseException) -> None:
    """Writes what nobody caught to the log, where the host looks for it.

    Nothing here reads a file, not even for the lines of the source, as `traceback` does: in a
    component there are none, and looking for one is a trap.
    """
    try:
        text = plain("\n".join(_described(error))[:_MAX_TEXT])
        trace = error.__traceback__
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        place = "" if trace is None else f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}"
        log.write(log.Level.ERROR, text, [log.Field("panic", plain(place))])
    except Exception:
        # There is no memory left: then it fails without words.
        pass


def _described(error: BaseException) -> Iterator[str]:
    """The lines on an exception, innermost frame first, and on those that it came of."""
    for number in range(_MAX_CAUSES):
        yield ("because of " if number else "") + _named(error)
        frames = []
        trace = error.__traceback__
        while trace is not None:
            code = trace.tb_frame.f_code
            frames.append(f"  at {code.co_qualname} ({code.co_filename}:{trace.tb_lineno})")
            trace = trace.tb_next
        yield from reversed(frames[-_MAX_FRAMES:])
        cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        if cause is None:
            return
        error = cause


def _named(error: BaseException) -> str:
    name = type(error).__name__
    try:
        words = str(error)
    except Exception:
        # Its own `__str__` fails.
        return name
    if len(words) > _MAX_WORDS:
        words = f"{words[:_MAX_WORDS]}..."
    return f"{name}: {words}"
