"""A grader: a pass for the proposal that the answer key names as `correct`."""

import json

from componentize_py_types import Err
from guarded import guarded
from wit_world import exports
from wit_world.imports import answer_key, log, submission, types


class Grading(exports.Grading):
    @guarded
    def grade(self, task: types.Task) -> types.Verdict:
        try:
            correct = int(json.loads(answer_key.read())["correct"])
        except (ValueError, KeyError):
            raise Err(types.GradeError_BadAnswerKey("there is no number `correct` in it"))
        match submission.answer():
            case types.Answer_Choice(chosen):
                passed, detail = chosen == correct, f"{chosen} of {len(task.proposals)} was chosen"
            case _:
                passed, detail = False, "nothing was chosen"
        log.write(log.Level.INFO, "compared", [log.Field("detail", detail)])
        return types.Verdict(
            outcome=types.Outcome.PASS if passed else types.Outcome.FAIL,
            reason="as-in-the-key" if passed else "not-as-in-the-key",
            score=1000 if passed else 0,
            checks=[types.Check("choice", passed, detail)],
            explanation="",
        )
