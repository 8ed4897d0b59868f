import sys

import pytest

sys.path.insert(0, "/srv/sums")
from sums import add  # noqa: E402


@pytest.mark.parametrize("a, b, sum", [(1, 2, 3), (2, 5, 7), (4, 0, 4)])
def test_add(a, b, sum):
    assert add(a, b) == sum
