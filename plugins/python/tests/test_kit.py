"""The kit itself: what the host for unit tests answers, and what becomes of mistakes."""

import tempfile
import unittest
from pathlib import Path
from unittest import mock

import lancet_sdk
from lancet_sdk import (
    BadAnswerKey,
    Check,
    Choice,
    Err,
    NoHost,
    NotFound,
    Outcome,
    Refused,
    Unavailable,
    Unsupported,
    Verdict,
    WorkTree,
    agent,
    answer_key,
    artifacts,
    budget,
    failed,
    grader,
    log,
    model,
    passed,
    setting,
    settings,
    shell,
    submission,
    tests,
    user_tool,
    workspace,
)
from lancet_sdk import input as given
from lancet_sdk.testing import Host, report, says, task


class Answers(unittest.TestCase):
    def test_outside_of_a_host_nothing_is_answered(self):
        for call in [answer_key.read, submission.answer, lambda: settings.value("a"), lambda: tests.run("all")]:
            with self.assertRaises(NoHost):
                call()
        with Host(answer_key="1"):
            self.assertEqual(answer_key.read(), "1")
        with self.assertRaises(NoHost):
            answer_key.read()

    def test_a_plan_is_run_once_and_a_file_is_read_in_parts(self):
        host = Host(
            answer=WorkTree(),
            files={"b": b"x" * (3 << 20), "a": b""},
            deleted=["c"],
            diff=b"--- a",
            reports=[report("all", ["one"], ["two"])],
            artifacts={"log.txt": b"it failed"},
        )
        with host:
            self.assertEqual([plan.name for plan in tests.plans()], ["all"])
            self.assertEqual(tests.run("all").runs[0].conclusion.outcome, Outcome.FAIL)
            for plan, error in [("all", Refused), ("none", NotFound)]:
                with self.assertRaises(Err) as raised:
                    tests.run(plan)
                self.assertIsInstance(raised.exception.value, error)
            self.assertEqual([file.path for file in submission.files()], ["a", "b", "c"])
            self.assertEqual(len(submission.read("b", 10, 4 << 20)), 1 << 20)
            self.assertEqual(submission.diff(4, 100), b"a")
            self.assertEqual(artifacts.list()[0].bytes, 9)
        with Host(), self.assertRaises(Err) as raised:
            tests.run("all")
        self.assertIsInstance(raised.exception.value, Unavailable)

    def test_an_agent_works_in_the_work_tree(self):
        host = Host(
            input="Do it.",
            workspace={"src/a.txt": b"one\ntwo\n"},
            shell=lambda command: shell.CommandOutput(0, command.encode(), b"", 0),
            saw={"log.txt": b"it broke"},
            settings={"steps": 3},
            allowances=[budget.Allowance("asks", 10, 4), budget.Allowance("asks", 8, 4)],
        )
        with host:
            self.assertEqual(given.read(), "Do it.")
            self.assertEqual([hit.line for hit in workspace.search("tw.", "src")], [2])
            workspace.write("src/b.txt", b"new")
            workspace.remove("src/a.txt")
            self.assertEqual(shell.run("ls", 1).stdout, b"ls")
            self.assertEqual(user_tool.read(user_tool.reproduce().artifacts[0].name, 3, 2), b"br")
            self.assertEqual((setting("steps"), setting("other")), (3, None))
            self.assertEqual((budget.left("asks"), budget.left("tokens")), (4, None))
        self.assertEqual(host.workspace, {"src/b.txt": b"new"})

    def test_a_model_answers_what_the_test_has_written(self):
        setup = model.Setup("main", "", [], "", None, [])
        with Host(answers=[says("one"), says("", model.ToolCall("1", "do", "{}"))]) as host:
            talk = model.Conversation.open(setup)
            talk.say("hello")
            self.assertEqual(talk.ask().parts, [model.Part_Text("one")])
            self.assertEqual(talk.ask().stop, model.Stop.CALLS)
            with self.assertRaises(Err):
                talk.ask()
        self.assertEqual(host.asked[0], ["hello"])
        with Host(), self.assertRaises(Err):
            model.Conversation.open(setup)

    def test_what_a_manifest_does_not_ask_for_cannot_be_called(self):
        with tempfile.TemporaryDirectory() as folder:
            manifest = Path(folder) / "plugin.toml"
            manifest.write_text('[asks]\nanswer-key = "It compares."\n', encoding="utf-8")
            with Host(answer_key="1", manifest=manifest):
                self.assertEqual(answer_key.read(), "1")
                with self.assertRaisesRegex(AssertionError, "`submission` is not asked for"):
                    submission.answer()


class Verdicts(unittest.TestCase):
    def test_what_a_run_refuses_is_refused(self):
        host = Host(answer=Choice(1))
        host.check(passed("right-choice", score=500, checks=[Check("a", True, "")]))
        host.check(failed("wrong-choice"))
        two = [Check("a", True, ""), Check("a", False, "")]
        for verdict in [
            passed("right-choice", score=0),
            passed("right-choice", score=1001),
            passed("Right choice"),
            failed("wrong-choice", checks=two),
            passed("1st-choice"),
            failed("wrong-choice", explanation="\u00e9" * (2 << 10) + "x"),
            failed("wrong-choice", checks=[Check("a", False, "x" * (4 << 10) + "x")]),
            failed("wrong-choice", checks=[Check(f"{n}", False, "x" * (4 << 10)) for n in range(16)]),
            Verdict(Outcome.INVALID, "broken", 1, [], ""),
        ]:
            with self.subTest(verdict), self.assertRaises(AssertionError):
                host.check(verdict)
        host.check(failed("wrong-choice", explanation="x" * (4 << 10)))
        with self.assertRaises(AssertionError):
            Host().check(passed("right-choice"))

    def test_a_work_tree_passes_on_tests_that_passed(self):
        reports = [report("good", ["one"]), report("bad", ["one"], ["two"])]
        with Host(answer=WorkTree(), reports=reports) as host:
            host.check(failed("tests-failed"))
            tests.run("bad")
            with self.assertRaisesRegex(AssertionError, "without a test run that passed"):
                host.check(passed("tests-passed"))
            tests.run("good")
            host.check(passed("tests-passed"))


class Mistakes(unittest.TestCase):
    def raised(self, plugin, method, error):
        def work(_):
            raise error

        with Host() as host, self.assertRaises(BaseException) as raised:
            getattr(plugin(work)(), method)(task())
        return raised.exception, host.logged

    def test_errors_of_the_contract_are_its_variants_and_others_go_to_the_log(self):
        error, logged = self.raised(grader, "grade", BadAnswerKey("no number"))
        self.assertEqual((type(error.value).__name__, error.value.value), ("GradeError_BadAnswerKey", "no number"))
        error, _ = self.raised(agent, "solve", Unsupported("no"))
        self.assertEqual(type(error.value).__name__, "SolveError_Unsupported")
        self.assertEqual(logged, [])
        for error in [ValueError("x" * 9000), Err(NotFound("a.txt")), SystemExit(1)]:
            raised, logged = self.raised(grader, "grade", error)
            self.assertIs(raised, error)
            [(level, text, fields)] = logged
            self.assertEqual(level, log.Level.ERROR)
            self.assertIn("test_kit.py", fields["panic"])
            self.assertTrue(text.startswith(f"{type(error).__name__}: "), text)
            self.assertRegex(text, r"\n  at .*work \(.*test_kit.py:\d+\)")
            self.assertLessEqual(len(text), 3000)
        # The contract has no such error for agents.
        error, [(_, text, _)] = self.raised(agent, "solve", BadAnswerKey("no number"))
        self.assertIsInstance(error, BadAnswerKey)
        self.assertTrue(text.startswith("BadAnswerKey: no number\n"), text)

    def test_a_mistake_is_told_without_reading_a_file_and_whatever_its_words_are(self):
        class Mute(Exception):
            def __str__(self):
                raise ValueError

        def chained():
            error = ValueError("\ud800")
            error.__cause__ = Mute()
            return error

        # Where WASI is stubbed, whatever looks for a source is a trap.
        with mock.patch("os.stat", side_effect=AssertionError), mock.patch(
            "builtins.open", side_effect=AssertionError
        ):
            _, [(_, text, _)] = self.raised(grader, "grade", chained())
        self.assertTrue(text.startswith("ValueError: \\ud800\n  at "), text)
        self.assertTrue(text.endswith("\nbecause of Mute"), text)
        error, _ = self.raised(agent, "solve", Unsupported("\ud800"))
        self.assertEqual(error.value.value, "\\ud800")

        # What cannot be written hides nothing.
        def work(_):
            raise ValueError("no")

        with Host(), mock.patch.object(log, "write", side_effect=MemoryError), self.assertRaises(ValueError):
            grader(work)().grade(task())

    def test_a_name_that_is_none_is_no_attribute(self):
        self.assertFalse(hasattr(lancet_sdk, "clock"))


if __name__ == "__main__":
    unittest.main()
