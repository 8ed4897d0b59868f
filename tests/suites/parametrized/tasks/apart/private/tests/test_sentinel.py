"""Has to fail: a report without this failure was not written by these tests."""

import pytest


@pytest.mark.parametrize("n", [1, 2])
def test_must_fail(n):
    assert n == 0
