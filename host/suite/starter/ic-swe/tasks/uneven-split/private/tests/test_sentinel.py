def test_must_fail():
    """Shows that what the report says is real: a run in which this passes is not believed."""
    raise AssertionError("as it has to be")
