"""Tax of an amount, with and without a rate."""

from library import UNDEFINED, call


def tax(total, *percentage):
    amount = call("dist/Num.js", "default.tax.calculateTaxFromPercentage", total, *percentage)
    assert not isinstance(amount, bool)
    return amount


def test_rate_is_undefined():
    assert tax(1000, UNDEFINED) == 0


def test_rate_is_null():
    assert tax(1000, None) == 0


def test_rate_is_left_out():
    assert tax(1000) == 0


def test_negative_total():
    assert tax(-1000, UNDEFINED) == 0


def test_total_is_nothing():
    assert tax(0, None) == 0


def test_empty_rate_as_before():
    assert tax(1000, "") == 0


def test_rate_as_before():
    assert tax(1100, "10%") == 100
    assert tax(1200, "20%") == 200
    assert tax(1234, "7.5%") == 86
    assert tax(-1100, "10%") == -100


def test_rate_without_sign_as_before():
    assert tax(1100, "10") == 100


def test_rate_of_zero_as_before():
    assert tax(1000, "0%") == 0


def test_divisor_as_before():
    assert call("dist/Num.js", "default.tax.calculateTaxFromDivisor", 1100, 1.1) == 100
