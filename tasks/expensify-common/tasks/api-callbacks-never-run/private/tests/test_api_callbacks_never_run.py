"""Callbacks of API requests."""

import pytest

from library import LibraryError, ref, run, spy

OK = {"jsonCode": 200, "email": "a@example.com", "accountList": [1, 2], "empty": "", "nothing": None, "zero": 0}


def request(response, callbacks, *prop, late=False):
    """Attaches the callbacks before the answer comes, or after it."""
    answer = {"call": ["promise", "resolve"], "args": [response]}
    steps = [
        {"load": "../node_modules/simply-deferred", "as": "deferred"},
        {"load": "dist/APIDeferred.js", "as": "module"},
        {"new": ["deferred", "Deferred"], "as": "promise"},
        {"call": ["module", "default"], "args": [ref("promise"), *prop], "as": "api"},
    ]
    attach = [{"call": ["api", name], "args": args} for name, *args in callbacks]
    return run(*steps, *([answer, *attach] if late else [*attach, answer])).spies


def test_done_gets_the_response():
    assert request(OK, [("done", spy("done"))]) == {"done": [[OK]]}


def test_done_gets_the_property():
    assert request(OK, [("done", spy("done"))], "accountList") == {"done": [[[1, 2]]]}


def test_done_gets_a_falsy_property():
    assert request(OK, [("done", spy("done"))], "empty") == {"done": [[""]]}
    assert request(OK, [("done", spy("done"))], "zero") == {"done": [[0]]}
    assert request(OK, [("done", spy("done"))], "nothing") == {"done": [[None]]}


def test_always_runs():
    spies = request(OK, [("done", spy("done")), ("always", spy("always"))])
    assert spies == {"done": [[OK]], "always": [[OK]]}


def test_error_code_is_handled():
    refused = {"jsonCode": 402, "message": "no"}
    callbacks = [("done", spy("done")), ("handle", [402], spy("handle")), ("fail", spy("fail")), ("always", spy("always"))]
    spies = request(refused, callbacks)
    assert spies == {"done": [], "handle": [[402, refused]], "fail": [[402, refused]], "always": [[refused]]}


def test_error_code_is_handled_when_a_property_was_asked_for():
    refused = {"jsonCode": 402}
    spies = request(refused, [("done", spy("done")), ("handle", [402], spy("handle"))], "accountList")
    assert spies == {"done": [], "handle": [[402, refused]]}


def test_callbacks_attached_late():
    assert request(OK, [("done", spy("done"))], "accountList", late=True) == {"done": [[[1, 2]]]}


def test_missing_property_is_reported():
    with pytest.raises(LibraryError, match="missing from response"):
        request(OK, [("done", spy("done"))], "policyList")


def test_nothing_runs_before_the_answer_as_before():
    outcome = run(
        {"load": "../node_modules/simply-deferred", "as": "deferred"},
        {"load": "dist/APIDeferred.js", "as": "module"},
        {"new": ["deferred", "Deferred"], "as": "promise"},
        {"call": ["module", "default"], "args": [ref("promise")], "as": "api"},
        {"call": ["api", "done"], "args": [spy("done")]},
    )
    assert outcome.spies == {"done": []}


def test_no_promise_is_refused_as_before():
    with pytest.raises(LibraryError, match="without a Deferred promise"):
        run({"load": "dist/APIDeferred.js", "as": "module"}, {"call": ["module", "default"], "args": []})
