"""Publishing to subscribers."""

from library import ref, run, spy

LOAD = [{"load": "dist/PubSub.js", "as": "module"}, {"get": ["module", "default"], "as": "pubsub"}]


def subscribe(event, name, how="subscribe"):
    return {"call": ["pubsub", how], "args": [event, spy(name), {}], "as": f"id-{name}"}


def publish(event, *data):
    return {"call": ["pubsub", "publish"], "args": [event, *data]}


def test_subscriber_is_called_with_the_data():
    outcome = run(*LOAD, subscribe("updated", "first"), publish("updated", {"reportID": 7}))
    assert outcome.spies == {"first": [[{"reportID": 7}]]}


def test_every_subscriber_of_the_event_only():
    outcome = run(
        *LOAD,
        subscribe("updated", "first"),
        subscribe("updated", "second"),
        subscribe("deleted", "other"),
        publish("updated", "x"),
        publish("updated", "y"),
    )
    assert outcome.spies == {"first": [["x"], ["y"]], "second": [["x"], ["y"]], "other": []}


def test_once_is_called_once():
    steps = [*LOAD, subscribe("updated", "first", "once"), publish("updated", 1), publish("updated", 2)]
    outcome = run(*steps, globals_={"window": {}})
    assert outcome.spies == {"first": [[1]]}


def test_unsubscribed_is_not_called():
    outcome = run(
        *LOAD,
        subscribe("updated", "first"),
        subscribe("updated", "second"),
        {"call": ["pubsub", "unsubscribe"], "args": [ref("id-first")]},
        publish("updated", 1),
    )
    assert outcome.spies == {"first": [], "second": [[1]]}


def test_data_defaults_to_an_empty_object():
    outcome = run(*LOAD, subscribe("updated", "first"), publish("updated"))
    assert outcome.spies == {"first": [[{}]]}


def test_publish_returns_the_module():
    outcome = run(*LOAD, subscribe("updated", "first"), publish("updated"), {"get": ["pubsub", "ERROR"]})
    assert outcome.value == "ev_error"
    steps = [*LOAD, subscribe("updated", "first"), {**publish("updated", 1), "as": "same"}]
    outcome = run(*steps, {"call": ["same", "publish"], "args": ["updated", 2]})
    assert outcome.spies == {"first": [[1], [2]]}


def test_event_without_subscribers_as_before():
    outcome = run(*LOAD, subscribe("updated", "first"), publish("nobody", 1), {"get": ["pubsub", "ERROR"]})
    assert (outcome.value, outcome.spies) == ("ev_error", {"first": []})


def test_identifiers_differ_as_before():
    first = run(*LOAD, subscribe("updated", "first")).value
    second = run(*LOAD, subscribe("updated", "first"), subscribe("updated", "second")).value
    assert first != second
    assert first.startswith("updated")
