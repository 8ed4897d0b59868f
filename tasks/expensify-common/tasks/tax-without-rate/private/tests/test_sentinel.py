"""Has to fail: a report in which it passes was rewritten."""


def test_that_has_to_fail():
    assert False
