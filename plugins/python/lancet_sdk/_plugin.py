"""What a plugin exports, and the words for verdicts and errors."""

from __future__ import annotations

import json
import traceback
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, NoReturn

from ._host import interface

if TYPE_CHECKING:
    from ._bindings.wit_world.imports.types import Answer, Check, Task, Verdict

# The most characters of a traceback that are written: the log keeps 4 KiB of a message.
_MAX_TRACEBACK = 1000


class BadAnswerKey(Exception):
    """The task's private configuration cannot be used; the text says what was expected. For graders."""


class Unsupported(Exception):
    """The plugin does not work on, or judge, tasks of this kind."""


def grader(judge: Callable[[Task], Verdict]) -> type:
    """The class that a grader exports, as `Grading`, of the function that judges one submission.

    The function has to come to the same verdict whenever it reads the same things. It raises
    `BadAnswerKey` or `Unsupported` when it cannot come to one.
    """

    class Grading:
        def grade(self, task: Task) -> Verdict:
            verdict: Verdict = _guarded(judge, task, "GradeError")
            return verdict

    return Grading


def agent(work: Callable[[Task], Answer]) -> type:
    """The class that an agent exports, as `Solving`, of the function that works on one task.

    It raises `Unsupported` when it does not work on tasks of that kind.
    """

    class Solving:
        def solve(self, task: Task) -> Answer:
            answer: Answer = _guarded(work, task, "SolveError")
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


def _guarded(function: Callable[[Task], Any], task: Task, errors: str) -> Any:
    err = __import__("componentize_py_types").Err
    types = interface("types")
    try:
        return function(task)
    except BadAnswerKey as error:
        case = getattr(types, f"{errors}_BadAnswerKey", None)
        if case is None:
            _tell(error)
        raise err(case(str(error))) from error
    except Unsupported as error:
        raise err(getattr(types, f"{errors}_Unsupported")(str(error))) from error
    except Exception as error:
        # An error of the contract that was raised as such is no mistake.
        value = getattr(error, "value", None)
        if isinstance(error, err) and type(value).__name__.startswith(f"{errors}_"):
            raise
        _tell(error)


def _tell(error: Exception) -> NoReturn:
    """Writes what nobody caught to the log, where the host looks for it, and raises it again."""
    try:
        log = interface("log")
    except ImportError:
        raise error
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{frames[-1].filename}:{frames[-1].lineno}" if frames else ""
    text = "".join(traceback.format_exception(error))
    # The end says what it was, and the beginning how it came to that.
    if len(text) > _MAX_TRACEBACK:
        text = f"{text[: _MAX_TRACEBACK // 4]}\n...\n{text[-3 * _MAX_TRACEBACK // 4 :]}"
    log.write(log.Level.ERROR, text, [log.Field("panic", place)])
    raise error
