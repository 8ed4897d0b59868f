"""Expense rules made of objects and of arrays."""

from library import UNDEFINED, construct, run, spy

RULE = {
    "applyWhen": [
        {"field": "merchant", "condition": "matches", "value": "Shell"},
        {"field": "category", "condition": "matches", "value": "Car"},
    ],
    "tax": {"field_id_TAX": {"externalID": "id_7"}},
}


def rule(argument, method, *args):
    return construct("dist/ExpenseRule.js", "default", [argument], method, *args)


def matches(argument, category):
    return rule(argument, "isMatch", {"getCategory": spy("category", category)})


def test_object_matches():
    assert matches(RULE, "Car") is True


def test_object_does_not_match():
    assert matches(RULE, "Food") is False


def test_condition_of_a_field():
    assert rule(RULE, "getApplyWhenByField", "category") == RULE["applyWhen"][1]
    assert rule(RULE, "getApplyWhenByField", "comment") == {}


def test_external_tax():
    assert rule(RULE, "getExternalTaxID") == "id_7"


def test_every_field_is_taken():
    outcome = run(
        {"load": "dist/ExpenseRule.js", "as": "module"},
        {"new": ["module", "default"], "args": [{**RULE, "id": 5}]},
    )
    assert outcome.value == {**RULE, "id": 5}


def test_missing_rule_is_empty():
    for nothing in (None, UNDEFINED):
        outcome = run({"load": "dist/ExpenseRule.js", "as": "module"}, {"new": ["module", "default"], "args": [nothing]})
        assert outcome.value == {}


def test_array_as_before():
    outcome = run(
        {"load": "dist/ExpenseRule.js", "as": "module"},
        {"new": ["module", "default"], "args": [["x", {"field": "y"}]]},
    )
    assert outcome.value == {"0": "x", "1": {"field": "y"}}


def test_conditions_as_before():
    assert rule([], "checkCondition", "matches", "a", "a") is True
    assert rule([], "checkCondition", "matches", "a", "b") is False
    assert rule([], "checkCondition", "greater", 1, 1) is False
