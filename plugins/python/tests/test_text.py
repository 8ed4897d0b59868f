"""What a plugin repeats of a submission, which may hold anything, can cross the boundary."""

import dataclasses
import json
import sys
import types
import unittest

from lancet_sdk._text import crossing, guard_texts

HALF = json.loads('"a\\ud83d"')


@dataclasses.dataclass(frozen=True)
class Field:
    name: str
    value: str


class Texts(unittest.TestCase):
    def test_half_a_character_is_spelled_out_wherever_it_is(self) -> None:
        with self.assertRaises(UnicodeEncodeError):
            HALF.encode()
        self.assertEqual(crossing([HALF, 3, Field("x", HALF)]), ["a\\ud83d", 3, Field("x", "a\\ud83d")])
        self.assertEqual(crossing("\U0001f600 é"), "\U0001f600 é")

    def test_what_is_sent_to_the_host_can_cross(self) -> None:
        module = types.ModuleType("contract")
        source = (
            "sent = []\n"
            "def write(text, fields):\n    sent.append((text, fields))\n"
            "class Talk:\n    def say(self, text):\n        sent.append(text)\n"
            "    @classmethod\n    def open(cls, text):\n        sent.append(text)\n        return cls()\n"
        )
        exec(source, module.__dict__)
        sys.modules["contract"] = module
        self.addCleanup(sys.modules.pop, "contract")
        guard_texts(module)
        module.write(HALF, fields=[Field("x", HALF)])
        module.Talk.open(HALF).say(text=HALF)
        self.assertEqual(module.sent, [("a\\ud83d", [Field("x", "a\\ud83d")]), "a\\ud83d", "a\\ud83d"])


if __name__ == "__main__":
    unittest.main()
