"""A grader: a pass for the proposal that the answer key names as `correct`."""

import json

from lancet_sdk import BadAnswerKey, Check, Choice, Task, Verdict, answer_key, failed, grader, log, passed, submission


def grade(task: Task) -> Verdict:
    try:
        correct = int(json.loads(answer_key.read())["correct"])
    except (ValueError, KeyError) as error:
        raise BadAnswerKey("there is no number `correct` in it") from error
    match submission.answer():
        case Choice(chosen):
            right, detail = chosen == correct, f"{chosen} of {len(task.proposals)} was chosen"
        case _:
            right, detail = False, "nothing was chosen"
    log.write(log.Level.INFO, "compared", [log.Field("detail", detail)])
    checks = [Check("choice", right, detail)]
    return passed("as-in-the-key", checks=checks) if right else failed("not-as-in-the-key", checks=checks)


Grading = grader(grade)
