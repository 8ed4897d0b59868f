import unittest
from pathlib import Path

from lancet_sdk import Choice, Nothing, TaskKind, Unsupported
from lancet_sdk.testing import Host, task

from agent import solve

MANIFEST = Path(__file__).parent.parent / "plugin.toml"


class Solve(unittest.TestCase):
    def test_it_chooses_the_proposal_with_the_most_different_words(self):
        with Host(manifest=MANIFEST) as host:
            self.assertEqual(solve(task(proposals=["a a a a", "a b", "b"])), Choice(1))
            self.assertEqual(solve(task()), Nothing())
        self.assertEqual(host.logged[0][2], {"id": "1"})

    def test_among_equals_it_draws_lots(self):
        chosen = set()
        for seed in range(20):
            with Host(seed=seed):
                chosen.add(solve(task(proposals=["a b", "b a", "a"])).value)
        self.assertEqual(chosen, {0, 1})

    def test_other_tasks_are_not_its_work(self):
        with Host(), self.assertRaises(Unsupported):
            solve(task(kind=TaskKind.IC_SWE))


if __name__ == "__main__":
    unittest.main()
