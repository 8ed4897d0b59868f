"""A host for unit tests in plain Python, without WebAssembly.

    with Host(answer=Choice(1), answer_key='{"correct": 1}') as host:
        verdict = host.check(grade(task(proposals=["Mend it.", "Mend it otherwise."])))

It answers as a run does, from what it was given. It is no judge of performance or of limits:
`lancet plugin test` runs the component itself.
"""

from __future__ import annotations

import hashlib
import json
import random as dice
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from ._host import FUNCTIONS, IN_COMPONENT, interface

if IN_COMPONENT:
    raise ImportError("`lancet_sdk.testing` is for unit tests, and has no place in a component")

if TYPE_CHECKING:
    from types import TracebackType

    from ._bindings.componentize_py_types import Err
    from ._bindings.wit_world.imports import (
        artifacts,
        budget,
        log,
        model,
        shell,
        submission,
        tests,
        types,
        user_tool,
        workspace,
    )
else:
    from componentize_py_types import Err
    from wit_world.imports import artifacts, budget, log, model, shell, submission, tests, types, user_tool, workspace

_MAX_READ = 1 << 20
_MAX_TEXT = 4 << 10
_CODE = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


def task(
    *,
    id: str = "one",
    kind: types.TaskKind = types.TaskKind.SWE_MANAGER,
    title: str = "One",
    statement: str = "It is broken.",
    price: int = 100_000,
    proposals: Sequence[str | types.Proposal] = (),
) -> types.Task:
    """A task. Proposals that are texts are numbered from 0."""
    numbered = [p if isinstance(p, types.Proposal) else types.Proposal(n, p) for n, p in enumerate(proposals)]
    return types.Task(id, kind, title, statement, price, numbered)


def conclusion(outcome: types.Outcome, reason: str, detail: str = "") -> tests.Conclusion:
    """What the host makes of a test run."""
    return tests.Conclusion(outcome, reason, detail)


def report(plan: str, passed: Iterable[str] = (), failed: Iterable[str] = ()) -> tests.TestReport:
    """The report of a plan that was run once: a pass if no test case failed."""
    cases = [tests.TestCase(id, tests.CaseStatus.PASSED, "") for id in passed]
    cases += [tests.TestCase(id, tests.CaseStatus.FAILED, "") for id in failed]
    cases.sort(key=lambda case: case.id)
    good = all(case.status == tests.CaseStatus.PASSED for case in cases)
    came_to = (
        conclusion(types.Outcome.PASS, "tests-passed") if good else conclusion(types.Outcome.FAIL, "tests-failed")
    )
    run = tests.TestRun(tests.RunEnd_Exited(0 if good else 1), None, tests.ReportState_Read(), cases, [], came_to)
    return tests.TestReport(plan, [run])


class Host:
    """What stands behind a plugin's calls in a unit test, from `with` to its end.

    For graders: `answer` is what was handed in, `answer_key` the text of the task's private
    key, `files` and `deleted` the work tree that was handed in, `diff` its readable diff,
    `reports` the reports of the task's test plans, `artifacts` what the runs left. For agents:
    `input` is the operator's text, `workspace` the files of the work tree, `shell` a function
    from a command to an output, `saw` what the user sees, `allowances` what is left to spend,
    `answers` what a model answers, one after the other. For both: `settings` by name, `prompt`.

    With `manifest`, the path of a `plugin.toml`, an interface that it does not ask for cannot be
    called. Afterwards `logged` has the notes, `workspace` the files as the agent left them.
    """

    def __init__(
        self,
        *,
        answer: types.Answer | None = None,
        answer_key: str = "",
        files: Mapping[str, bytes] | None = None,
        deleted: Iterable[str] = (),
        diff: bytes = b"",
        plans: Iterable[tests.Plan] | None = None,
        reports: Iterable[tests.TestReport] = (),
        artifacts: Mapping[str, bytes] | None = None,
        input: str | None = None,
        workspace: Mapping[str, bytes] | None = None,
        shell: Callable[[str], shell.CommandOutput] | None = None,
        saw: Mapping[str, bytes] | None = None,
        settings: Mapping[str, object] | None = None,
        prompt: str | None = None,
        allowances: Iterable[budget.Allowance] = (),
        answers: Iterable[model.Answer] = (),
        seed: int = 0,
        manifest: str | Path | None = None,
    ) -> None:
        self.answer = types.Answer_Nothing() if answer is None else answer
        self.answer_key = answer_key
        self.files = dict(files or {})
        self.deleted = list(deleted)
        self.diff = diff
        self.reports = {made.plan: made for made in reports}
        self.plans = list(plans) if plans is not None else [_plan(made) for made in self.reports.values()]
        self.artifacts = dict(artifacts or {})
        self.input = input
        self.workspace = None if workspace is None else dict(workspace)
        self.shell = shell
        self.saw = None if saw is None else dict(saw)
        self.settings = dict(settings or {})
        self.prompt = prompt
        self.allowances = sorted(allowances, key=lambda allowance: allowance.unit)
        self.answers = list(answers)
        self.logged: list[tuple[log.Level, str, dict[str, str]]] = []
        """The notes that the plugin wrote: level, message, fields."""
        self.asked: list[list[object]] = []
        """What each ask of a model was asked: the entries of the conversation until then."""
        self.ran: list[str] = []
        """The plans that were run, and the commands."""
        self._random = dice.Random(seed)
        self._asks: set[str] | None = None
        if manifest is not None:
            asks = tomllib.loads(Path(manifest).read_text(encoding="utf-8")).get("asks", {})
            self._asks = {name.replace("-", "_") for name in asks}
        self._before: list[tuple[object, str, object]] = []

    def __enter__(self) -> Host:
        for name, names in FUNCTIONS.items():
            for function in names:
                self._put(interface(name), name, function)
        self._replace(model, "Conversation", self._conversation())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for module, name, before in reversed(self._before):
            setattr(module, name, before)
        self._before.clear()

    def check(self, verdict: types.Verdict) -> types.Verdict:
        """The verdict, if a run takes it; `AssertionError` says why it would be refused.

        Not looked at is whether the reason is one that only the host gives, such as `disk-full`.
        """
        passes = verdict.outcome == types.Outcome.PASS
        names = [check.name for check in verdict.checks]
        details = [check.detail for check in verdict.checks]
        texts = [verdict.explanation, *names, *details]
        seen = [run for plan in self.ran if plan in self.reports for run in self.reports[plan].runs]
        tests_passed = any(run.conclusion.outcome == types.Outcome.PASS for run in seen)
        rules = [
            (0 <= verdict.score <= 1000, f"a score of {verdict.score}, expected 0 to 1000"),
            (not passes or verdict.score > 0, "a pass without a score"),
            (
                not passes or not isinstance(self.answer, types.Answer_Nothing),
                "a pass without a submission",
            ),
            (
                not passes or not isinstance(self.answer, types.Answer_WorkTree) or tests_passed,
                "a pass of a work tree without a test run that passed",
            ),
            (
                verdict.outcome != types.Outcome.INVALID or verdict.score == 0,
                "an invalid verdict with a score",
            ),
            (
                len(verdict.reason) <= 64 and _CODE.fullmatch(verdict.reason) is not None,
                f"the reason `{verdict.reason}`, expected lower-case words joined by `-`",
            ),
            (len(set(names)) == len(names), "two checks of one name"),
            (len(names) <= 256, "more than 256 checks"),
            (all(0 < len(name.encode()) <= 128 for name in names), "a check's name of none or more than 128 bytes"),
            (len(verdict.explanation.encode()) <= _MAX_TEXT, "an explanation of more than 4 KiB"),
            (all(len(detail.encode()) <= _MAX_TEXT for detail in details), "a check's detail of more than 4 KiB"),
            (sum(len(text.encode()) for text in texts) <= 64 << 10, "more than 64 KiB"),
        ]
        for holds, problem in rules:
            assert holds, f"the host refuses this verdict: {problem}"
        return verdict

    def _replace(self, module: object, name: str, new: object) -> None:
        self._before.append((module, name, getattr(module, name)))
        setattr(module, name, new)

    def _put(self, module: object, name: str, function: str) -> None:
        answer = getattr(self, f"_{name}_{function}")
        if self._asks is not None and name not in self._asks:
            asked = name.replace("_", "-")

            def answer(*_: object, **__: object) -> NoReturn:
                raise AssertionError(f"`{asked}` is not asked for in plugin.toml")

        self._replace(module, function, answer)

    # Graders.

    def _answer_key_read(self) -> str:
        return self.answer_key

    def _submission_answer(self) -> types.Answer:
        return self.answer

    def _submission_files(self) -> list[submission.SubmittedFile]:
        written = [
            submission.SubmittedFile(
                path,
                submission.FileChange_Written(
                    submission.WrittenFile(hashlib.sha256(data).hexdigest(), len(data), False)
                ),
            )
            for path, data in self.files.items()
        ]
        gone = [submission.SubmittedFile(path, submission.FileChange_Deleted()) for path in self.deleted]
        return sorted(written + gone, key=lambda file: file.path)

    def _submission_read(self, path: str, offset: int, length: int) -> bytes:
        return _part(self.files, path, offset, length)

    def _submission_diff(self, offset: int, length: int) -> bytes:
        return self.diff[offset : offset + min(length, _MAX_READ)]

    def _tests_plans(self) -> list[tests.Plan]:
        return self.plans

    def _tests_run(self, plan: str) -> tests.TestReport:
        if not self.plans:
            raise Err(types.CallError_Unavailable("the task has no environment"))
        if plan not in self.reports:
            raise Err(types.CallError_NotFound(f"there is no plan `{plan}`"))
        if plan in self.ran:
            raise Err(types.CallError_Refused(f"the plan `{plan}` has been run already"))
        self.ran.append(plan)
        return self.reports[plan]

    def _artifacts_list(self) -> list[types.ArtifactEntry]:
        return _entries(self.artifacts)

    def _artifacts_read(self, name: str, offset: int, length: int) -> bytes:
        return _part(self.artifacts, name, offset, length)

    # Agents.

    def _input_read(self) -> str | None:
        return self.input

    def _random_next_u64(self) -> int:
        return self._random.getrandbits(64)

    def _random_below(self, bound: int) -> int:
        return self._random.randrange(bound)

    def _tree(self) -> dict[str, bytes]:
        if self.workspace is None:
            raise Err(types.CallError_Unavailable("the task has no environment"))
        return self.workspace

    def _workspace_list(self, path: str) -> list[workspace.Entry]:
        return [workspace.Entry(name, len(data)) for name, data in sorted(self._tree().items()) if _is_below(name, path)]

    def _workspace_read(self, path: str, offset: int, length: int) -> bytes:
        return _part(self._tree(), path, offset, length)

    def _workspace_search(self, pattern: str, path: str) -> list[workspace.Hit]:
        hits = []
        for name, data in sorted(self._tree().items()):
            lines = data.decode(errors="replace").splitlines() if _is_below(name, path) else []
            hits += [
                workspace.Hit(name, number, line)
                for number, line in enumerate(lines, start=1)
                if re.search(pattern, line)
            ]
        return hits

    def _workspace_write(self, path: str, contents: bytes) -> None:
        if len(contents) > _MAX_READ:
            raise Err(types.CallError_TooLarge("more than 1 MiB"))
        self._tree()[path] = bytes(contents)

    def _workspace_remove(self, path: str) -> None:
        if self._tree().pop(path, None) is None:
            raise Err(types.CallError_NotFound(path))

    def _workspace_apply_patch(self, patch: str) -> None:
        self._tree()
        raise NotImplementedError("this host applies no patches: put a function in the place of `workspace.apply_patch`")

    def _workspace_apply_input(self) -> bool:
        if self.input is None:
            return False
        self._workspace_apply_patch(self.input)
        return True

    def _shell_run(self, command: str, timeout_seconds: int) -> shell.CommandOutput:
        if self.shell is None:
            raise Err(types.CallError_Unavailable("the task has no environment"))
        self.ran.append(command)
        return self.shell(command)

    def _user_tool_reproduce(self) -> user_tool.Observation:
        if self.saw is None:
            raise Err(types.CallError_Unavailable("the task has no user"))
        return user_tool.Observation(True, _entries(self.saw))

    def _user_tool_read(self, name: str, offset: int, length: int) -> bytes:
        return _part(self.saw or {}, name, offset, length)

    def _settings_value(self, name: str) -> str | None:
        return json.dumps(self.settings[name]) if name in self.settings else None

    def _settings_prompt(self) -> str | None:
        return self.prompt

    def _budget_allowances(self) -> list[budget.Allowance]:
        return self.allowances

    def _budget_left(self, unit: str) -> int | None:
        found = [max(0, a.limit - a.used) for a in self.allowances if a.unit == unit]
        return min(found, default=None)

    def _log_write(self, level: log.Level, message: str, fields: list[log.Field]) -> None:
        self.logged.append((level, message, {field.key: field.value for field in fields}))

    def _model_offers(self) -> list[model.Offer]:
        return [model.Offer("main", "scripted", None, None, True)] if self.answers or self.asked else []

    def _conversation(self) -> type:
        host = self

        class Conversation:
            """A conversation whose answers the test has written."""

            def __init__(self, entries: list[Any]) -> None:
                self.entries = entries

            @classmethod
            def open(cls, setup: model.Setup) -> Conversation:
                if host._asks is not None and "model" not in host._asks:
                    raise AssertionError("`model` is not asked for in plugin.toml")
                if not host._model_offers():
                    raise Err(model.Failure_Refused("the operator chose no model"))
                return cls([])

            def say(self, text: str) -> None:
                self.entries.append(text)

            def give(self, results: list[model.ToolResult]) -> None:
                self.entries.append(results)

            def ask(self) -> model.Answer:
                host.asked.append(list(self.entries))
                if not host.answers:
                    raise Err(model.Failure_OverBudget("the test has written no more answers"))
                answer = host.answers.pop(0)
                self.entries.append(answer)
                return answer

            def length(self) -> int:
                return len(self.entries)

            def tokens(self) -> int:
                return sum(len(str(entry)) for entry in self.entries) // 4

            def without(self, first: int, end: int) -> Conversation:
                return Conversation(self.entries[:first] + self.entries[end:])

            def __enter__(self) -> Conversation:
                return self

            def __exit__(self, *_: object) -> None:
                pass

        return Conversation


def says(text: str = "", *calls: model.ToolCall) -> model.Answer:
    """An answer of a model: a text, and calls of tools."""
    parts: list[model.Part] = [model.Part_Text(text)] if text else []
    parts += [model.Part_Call(call) for call in calls]
    usage = model.Usage(None, None, None, None, None)
    return model.Answer(parts, model.Stop.CALLS if calls else model.Stop.FINISHED, "", usage, None)


def _plan(made: tests.TestReport) -> tests.Plan:
    required = sorted({case.id for run in made.runs for case in run.cases})
    return tests.Plan(made.plan, required, [], 0, 1)


def _entries(files: Mapping[str, bytes]) -> list[types.ArtifactEntry]:
    return [types.ArtifactEntry(name, types.ArtifactKind.OTHER, len(data)) for name, data in sorted(files.items())]


def _part(files: Mapping[str, bytes], name: str, offset: int, length: int) -> bytes:
    if name not in files:
        raise Err(types.CallError_NotFound(name))
    return bytes(files[name][offset : offset + min(length, _MAX_READ)])


def _is_below(name: str, folder: str) -> bool:
    return folder == "" or name.startswith(f"{folder}/")
