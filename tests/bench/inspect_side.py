"""Inspect's side of `against_inspect.py` and `models.py`; runs in the virtual environment that has `inspect-ai`.

    inspect_side.py record SAMPLES LOG    evaluate the samples with the mock model, once, into a log
    inspect_side.py score LOG ROUNDS      re-score the log in this process, and print what each round took
    inspect_side.py solve SAMPLES LOGS N  have the mock model hand in by a tool, N samples at a time, and judge

SAMPLES is a JSON list of {id, input, choices, target, answer}.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from string import ascii_uppercase

from inspect_ai import Task, eval, score
from inspect_ai.agent import react
from inspect_ai.dataset import Sample
from inspect_ai.log import EvalLog, read_eval_log, write_eval_log
from inspect_ai.model import ModelOutput, ModelUsage, get_model
from inspect_ai.scorer import answer, match
from inspect_ai.solver import multiple_choice

MODEL = "mockllm/model"


def _scorer():
    # `choice()` reads what the solver left in memory, which a log does not
    # hold, so it cannot re-score; `answer` reads the recorded completion.
    return answer("letter")


def record(samples: Path, log: Path) -> None:
    rows = json.loads(samples.read_text(encoding="utf-8"))
    answers = {row["input"]: row["answer"] for row in rows}

    def reply(messages, *_):
        question = messages[-1].text
        output = ModelOutput.from_content(MODEL, f"ANSWER: {next(a for q, a in answers.items() if q in question)}")
        # Without a usage the mock model counts tokens, with a vocabulary from the network.
        output.usage = ModelUsage(input_tokens=1, output_tokens=1, total_tokens=2)
        return output

    dataset = [Sample(id=r["id"], input=r["input"], choices=r["choices"], target=r["target"]) for r in rows]
    task = Task(dataset=dataset, solver=multiple_choice(), scorer=_scorer(), name="proposals")
    model = get_model(MODEL, custom_outputs=reply)
    made = eval(task, model=model, display="none", log_dir=str(log.parent / "made"), log_format="eval")[0]
    if made.status != "success":
        raise SystemExit(f"error: the evaluation ended with {made.status}: {made.error and made.error.message}")
    # What made the mock model answer cannot be made again from the log.
    made.eval.model_args = {}
    write_eval_log(made, str(log))
    print(json.dumps({"right": _right(made)}))


def _right(log: EvalLog) -> int:
    return sum(next(iter(sample.scores.values())).value == "C" for sample in log.samples)


def rescore(log: Path, rounds: int) -> None:
    recorded = read_eval_log(str(log))
    result: dict = {"samples": len(recorded.samples)}
    for name, copy in (("copy", True), ("in place", False)):
        seconds = []
        for _ in range(rounds + 1):
            started = time.perf_counter()
            scored = score(recorded, _scorer(), model=MODEL, action="overwrite", display="none", copy=copy)
            seconds.append(time.perf_counter() - started)
        # The first round warms up.
        result[name] = seconds[1:]
        result["right"] = _right(scored)
    print(json.dumps(result))


def solve(samples: Path, logs: Path, at_a_time: int) -> None:
    def reply(*_):
        output = ModelOutput.for_tool_call(MODEL, "submit", {"answer": "A"})
        output.usage = ModelUsage(input_tokens=1000, output_tokens=20, total_tokens=1020)
        return output

    def text(row: dict) -> str:
        proposals = (f"Proposal {letter}\n\n{choice}" for letter, choice in zip(ascii_uppercase, row["choices"]))
        return "\n\n".join([row["input"], *proposals])

    rows = json.loads(samples.read_text(encoding="utf-8"))
    dataset = [Sample(id=r["id"], input=text(r), target=r["target"]) for r in rows]
    task = Task(dataset=dataset, solver=react(), scorer=match(), name="proposals")
    model = get_model(MODEL, custom_outputs=reply)
    started = time.perf_counter()
    options = {"log_dir": str(logs), "max_samples": at_a_time, "max_connections": at_a_time}
    made = eval(task, model=model, display="none", log_format="eval", **options)[0]
    seconds = time.perf_counter() - started
    if made.status != "success":
        raise SystemExit(f"error: the evaluation ended with {made.status}: {made.error and made.error.message}")
    print(json.dumps({"samples": len(made.samples), "right": _right(made), "seconds": seconds}))


def main() -> None:
    match sys.argv[1:]:
        case ["record", samples, log]:
            record(Path(samples), Path(log))
        case ["score", log, rounds]:
            rescore(Path(log), int(rounds))
        case ["solve", samples, logs, at_a_time]:
            solve(Path(samples), Path(logs), int(at_a_time))
        case _:
            raise SystemExit(__doc__)


if __name__ == "__main__":
    main()
