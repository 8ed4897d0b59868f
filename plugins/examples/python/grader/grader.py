"""Pays whoever chose the proposal that the task's answer key names, `{"correct": 3}`."""

import json

from lancet_sdk import (
    Answer,
    BadAnswerKey,
    Check,
    Choice,
    Nothing,
    Task,
    Verdict,
    answer_key,
    failed,
    grader,
    log,
    passed,
    submission,
)


def grade(task: Task) -> Verdict:
    reason = judge(answer_key.read(), submission.answer())
    log.write(log.Level.INFO, "compared", [log.Field("reason", reason)])
    right = reason == "right-choice"
    checks = [Check("right-choice", right, "")]
    return passed(reason, checks=checks) if right else failed(reason, checks=checks)


def judge(key: str, answer: Answer) -> str:
    """The reason code of the verdict on an answer."""
    correct = proposal(key)
    match answer:
        case Choice(chosen):
            return "right-choice" if chosen == correct else "wrong-choice"
        case Nothing():
            return "no-submission"
        case _:
            return "wrong-kind"


# More characters than any key has that names a proposal. A longer one might be nested so deeply
# that to read it would use up the stack.
MAX_KEY = 1000
MAX_ID = 2**32 - 1


def proposal(key: str) -> int:
    """The proposal that a key names. What cannot be read is no fail of the agent's."""
    if len(key) > MAX_KEY:
        raise BadAnswerKey(f'it has more than {MAX_KEY} characters; expected `{{"correct": 3}}`')
    try:
        # Python takes NaN for JSON, and `int` does not.
        read = json.loads(key, parse_constant=int)
    except ValueError as error:
        raise BadAnswerKey('it is no JSON; expected `{"correct": 3}`') from error
    correct = read.get("correct") if isinstance(read, dict) else None
    # Some write 3 as 3.0, which is the same number in JSON. For Python `true` is a number.
    if type(correct) not in (int, float) or not 0 <= correct <= MAX_ID or correct != int(correct):
        raise BadAnswerKey('there is no proposal\'s id under `correct`; expected `{"correct": 3}`')
    return int(correct)


Grading = grader(grade)
