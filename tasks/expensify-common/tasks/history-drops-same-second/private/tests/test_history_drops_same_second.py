"""The history of a report, fetched once and again."""

from library import ref, run, spy


def action(name, timestamp, **more):
    return {"reportActionID": name, "reportActionTimestamp": timestamp, "shouldShow": True, **more}


def history(*answers):
    """The last of several fetches of report 9, the n-th of which the API answers with `answers[n]`: the actions' names."""
    steps = [
        {"load": "../node_modules/simply-deferred", "as": "deferred"},
        {"load": "dist/ReportHistoryStore.js", "as": "module"},
    ]
    for number, answer in enumerate(answers):
        steps.append({"new": ["deferred", "Deferred"], "as": f"answer-{number}"})
        steps.append({"call": [f"answer-{number}", "resolve"], "args": [answer]})
    api = {"Report_GetHistory": spy("api", *[ref(f"answer-{number}") for number in range(len(answers))])}
    steps.append({"new": ["module", "default"], "args": [api, {}], "as": "store"})
    for _ in answers:
        steps.append({"call": ["store", "getFlatHistory"], "args": [9], "as": "promise"})
        steps.append({"call": ["promise", "done"], "args": [spy("history")]})
    spies = run(*steps).spies
    assert spies["api"] == [[{"reportID": 9}]] * len(answers)
    (actions,) = spies["history"][-1]
    times = [item["reportActionTimestamp"] for item in actions]
    assert times == sorted(times, reverse=True), "newest first"
    return sorted(item["reportActionID"] for item in actions)


def test_two_in_the_same_second():
    assert history([action("b", 1700000000000), action("a", 1700000000000)]) == ["a", "b"]


def test_three_in_the_same_second_among_others():
    answer = [action("e", 50), action("d", 40), action("c", 40), action("b", 40), action("a", 30)]
    assert history(answer) == ["a", "b", "c", "d", "e"]


def test_new_one_at_the_time_of_a_known_one():
    assert history([action("a", 40)], [action("b", 40), action("a", 40)]) == ["a", "b"]


def test_new_one_alone_at_the_time_of_a_known_one():
    assert history([action("b", 50), action("a", 40)], [action("c", 50)]) == ["a", "b", "c"]


def test_fetched_twice_is_listed_once():
    answer = [action("b", 40), action("a", 40)]
    assert history(answer, list(answer)) == ["a", "b"]


def test_different_times_as_before():
    assert history([action("b", 20), action("a", 10)], [action("c", 30)]) == ["a", "b", "c"]


def test_unsorted_answer_as_before():
    assert history([action("a", 10), action("c", 30), action("b", 20)]) == ["a", "b", "c"]


def test_hidden_actions_as_before():
    assert history([action("b", 20, shouldShow=False), action("a", 10)]) == ["a"]
