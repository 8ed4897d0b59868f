"""Has to fail: a report without this failure was not written by these tests."""


def test_must_fail():
    assert False
