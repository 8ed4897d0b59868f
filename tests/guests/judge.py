"""A grader of both kinds of tasks: a pass for the proposal that the answer key names as `correct`, or for
a work tree with which the plan that it names passes."""

import json

from lancet_sdk import (
    BadAnswerKey,
    Check,
    Choice,
    Nothing,
    Outcome,
    Task,
    TaskKind,
    Verdict,
    WorkTree,
    answer_key,
    failed,
    grader,
    log,
    passed,
    submission,
    tests,
)


def grade(task: Task) -> Verdict:
    return choice(task) if task.kind == TaskKind.SWE_MANAGER else work_tree()


def choice(task: Task) -> Verdict:
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


def work_tree() -> Verdict:
    name = json.loads(answer_key.read()).get("plan")
    plan = next((plan for plan in tests.plans() if plan.name == name), None)
    if plan is None:
        raise BadAnswerKey("there is no plan of the task's under `plan` in it")
    match submission.answer():
        case WorkTree():
            pass
        case Nothing():
            return failed("no-submission")
        case _:
            return failed("wrong-kind")
    runs = tests.run(plan.name).runs
    run = next((run for run in runs if run.conclusion.outcome == Outcome.PASS), runs[0])
    checks = [required(test, run) for test in plan.required]
    held = sum(check.passed for check in checks)
    explanation = f"{held} of {len(checks)} required tests passed in {len(runs)} runs: {run.conclusion.detail}"
    log.write(log.Level.INFO, "tested", [log.Field("held", str(held))])
    outcome, reason = run.conclusion.outcome, run.conclusion.reason
    return Verdict(outcome, reason, 1000 if outcome == Outcome.PASS else 0, checks, explanation)


def required(test: str, run: tests.TestRun) -> Check:
    cases = [case for case in run.cases if case.id == test]
    words = ", ".join(case.status.name.lower() for case in cases)
    return Check(test, bool(cases) and all(case.status == tests.CaseStatus.PASSED for case in cases), words or "not run")


Grading = grader(grade)
