from app import call


def test_nothing_is_lost():
    for cents, people in [(100, 3), (101, 2), (1, 4), (99_999, 7)]:
        assert sum(call("bill", "shares", cents, people)) == cents


def test_the_first_pay_the_cent_more():
    assert call("bill", "shares", 100, 3) == [34, 33, 33]
    assert call("bill", "shares", 11, 4) == [3, 3, 3, 2]


def test_an_even_bill_as_before():
    assert call("bill", "shares", 100, 4) == [25, 25, 25, 25]
    assert call("bill", "shares", 0, 2) == [0, 0]
