import unittest
from pathlib import Path

from lancet_sdk import BadAnswerKey, Choice, Document, Nothing, Outcome, WorkTree
from lancet_sdk.testing import Host, task

from grader import MAX_KEY, grade

MANIFEST = Path(__file__).parent.parent / "plugin.toml"
TASK = task(proposals=["Mend it.", "Mend it otherwise."])


class Grade(unittest.TestCase):
    def test_the_right_choice_passes_and_nothing_else_does(self):
        for answer, reason in [
            (Choice(1), "right-choice"),
            (Choice(0), "wrong-choice"),
            (Nothing(), "no-submission"),
            (Document('{"selected_proposal_id": 1}'), "wrong-kind"),
            (WorkTree(), "wrong-kind"),
        ]:
            with self.subTest(answer), Host(answer=answer, answer_key='{"correct": 1}', manifest=MANIFEST) as host:
                verdict = host.check(grade(TASK))
                self.assertEqual(verdict.reason, reason)
                self.assertEqual(verdict.outcome == Outcome.PASS, reason == "right-choice")
                self.assertEqual(verdict.score, 1000 if reason == "right-choice" else 0)

    def test_a_key_that_cannot_be_read_is_no_fail(self):
        for key in [
            "",
            "{}",
            "[]",
            "null",
            '{"correct": true}',
            '{"correct": "1"}',
            '{"correct": -1}',
            '{"correct": 1.5}',
            '{"correct": 4294967296}',
            '{"correct": 1e999}',
            '{"correct": 1, "other": NaN}',
            '{"correct": 1}' + MAX_KEY * " ",
        ]:
            with self.subTest(key), Host(answer=Choice(1), answer_key=key), self.assertRaises(BadAnswerKey):
                grade(TASK)

    def test_a_number_may_be_written_in_any_way(self):
        long = '{"correct": 1}'.ljust(MAX_KEY)
        for key in ['{"correct": 1.0, "mode": "strict"}', '{"correct": 10e-1}', '{"correct": 0, "correct": 1}', long]:
            with self.subTest(key), Host(answer=Choice(1), answer_key=key):
                self.assertEqual(grade(TASK).reason, "right-choice")


if __name__ == "__main__":
    unittest.main()
