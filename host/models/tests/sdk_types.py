"""Holds JSON against the types of the official SDKs.

    python sdk_types.py CASES

CASES has one JSON object per line: `name`, `form` (messages, responses or chat), `kind` (request or answer), `body`,
and `beyond`: keys that the form's other servers know and the SDK does not. What is wrong is printed, one line per
case: its name, a tab, and the problems; a case that is right has none.

Requests are held against the `TypedDict`s that the SDKs declare for callers: every key has to be known, every
required one there, every literal one of those allowed, at any depth. Pydantic alone lets unknown keys pass. Answers
are held against the SDKs' own models, as when they are received.
"""

from __future__ import annotations

import collections.abc
import json
import sys
import types
import typing

import typing_extensions
from anthropic.types import Message
from anthropic.types.message_create_params import MessageCreateParamsNonStreaming
from openai.types.chat import ChatCompletion
from openai.types.chat.completion_create_params import (
    CompletionCreateParamsNonStreaming,
)
from openai.types.responses import Response
from openai.types.responses.response_create_params import (
    ResponseCreateParamsNonStreaming,
)
from pydantic import ValidationError

REQUESTS = {
    "messages": MessageCreateParamsNonStreaming,
    "responses": ResponseCreateParamsNonStreaming,
    "chat": CompletionCreateParamsNonStreaming,
}
ANSWERS = {"messages": Message, "responses": Response, "chat": ChatCompletion}

WRAPPERS = (
    typing_extensions.Annotated,
    typing_extensions.Required,
    typing_extensions.NotRequired,
)
UNIONS = (typing.Union, types.UnionType)
LISTS = (
    list,
    tuple,
    collections.abc.Iterable,
    collections.abc.Sequence,
    collections.abc.Collection,
)
MAPS = (dict, collections.abc.Mapping)


def bare(kind):
    """The type behind what is written around it."""
    while True:
        if isinstance(kind, typing_extensions.TypeAliasType):
            kind = kind.__value__
        elif typing_extensions.get_origin(kind) in WRAPPERS:
            kind = typing_extensions.get_args(kind)[0]
        else:
            return kind


_MEMBERS: dict = {}


def members(table) -> dict[str, tuple[object, bool]]:
    """The keys of a TypedDict, each with its type and whether it is required.

    `__required_keys__` is of no use: the SDKs postpone the evaluation of annotations, which hides `Required` from it.
    """
    if table in _MEMBERS:
        return _MEMBERS[table]
    inherited = {}
    for base in getattr(table, "__orig_bases__", ()):
        if typing_extensions.is_typeddict(base):
            inherited.update(members(base))
    found = {}
    for key, kind in typing_extensions.get_type_hints(
        table, include_extras=True
    ).items():
        origin = typing_extensions.get_origin(kind)
        if origin in (typing_extensions.Required, typing_extensions.NotRequired):
            required = origin is typing_extensions.Required
        elif key in inherited:
            required = inherited[key][1]
        else:
            required = table.__total__
        found[key] = (kind, required)
    _MEMBERS[table] = found
    return found


class Checker:
    """Finds what is wrong with a value; keys of `beyond` are let through everywhere."""

    def __init__(self, beyond: list[str]) -> None:
        self.beyond = frozenset(beyond)

    def problems(self, value, kind, path="$") -> list[str]:
        kind = bare(kind)
        origin = typing_extensions.get_origin(kind)
        arguments = typing_extensions.get_args(kind)
        if kind in (typing.Any, object):
            return []
        if kind is None or kind is type(None):
            return [] if value is None else [f"{path}: expected null"]
        if typing_extensions.is_typeddict(kind):
            return self.of_table(value, kind, path)
        if origin in (typing_extensions.Literal, typing.Literal):
            right = any(
                value == known and type(value) is type(known) for known in arguments
            )
            return [] if right else [f"{path}: {value!r} is none of {arguments}"]
        if origin in UNIONS:
            return self.of_union(value, arguments, path)
        if origin in LISTS or getattr(origin, "__name__", "") == "SequenceNotStr":
            if not isinstance(value, list):
                return [f"{path}: expected an array"]
            of = arguments[0] if arguments else object
            return [
                p
                for at, item in enumerate(value)
                for p in self.problems(item, of, f"{path}[{at}]")
            ]
        if origin in MAPS or kind is dict:
            if not isinstance(value, dict):
                return [f"{path}: expected an object"]
            of = arguments[1] if arguments else object
            return [
                p
                for key, item in value.items()
                for p in self.problems(item, of, f"{path}.{key}")
            ]
        if kind is float:
            right = isinstance(value, int | float) and not isinstance(value, bool)
            return [] if right else [f"{path}: expected a number"]
        if kind is int:
            right = isinstance(value, int) and not isinstance(value, bool)
            return [] if right else [f"{path}: expected an integer"]
        if kind in (str, bool):
            return (
                []
                if isinstance(value, kind)
                else [f"{path}: expected {kind.__name__}"]
            )
        # A type that is not known here would let anything pass.
        return [f"{path}: nothing is known of {kind}"]

    def of_table(self, value, table, path: str) -> list[str]:
        if not isinstance(value, dict):
            return [f"{path}: expected an object of {table.__name__}"]
        known = members(table)
        unknown = [key for key in value if key not in known and key not in self.beyond]
        found = [f"{path}.{key}: unknown to {table.__name__}" for key in unknown]
        missing = [
            key
            for key, (_, required) in known.items()
            if required and key not in value
        ]
        found += [f"{path}.{key}: missing in {table.__name__}" for key in missing]
        for key, item in value.items():
            if key in known:
                found += self.problems(item, known[key][0], f"{path}.{key}")
        return found

    def of_union(self, value, kinds, path: str) -> list[str]:
        best = None
        for kind in kinds:
            found = self.problems(value, kind, path)
            if not found:
                return []
            # Of wrong ones, that is meant whose `type` or `role` fits.
            rank = (not self.is_meant(value, bare(kind)), len(found))
            if best is None or rank < best[0]:
                best = (rank, found)
        return best[1] if best else [f"{path}: nothing is allowed"]

    def is_meant(self, value, kind) -> bool:
        if typing_extensions.is_typeddict(kind) and isinstance(value, dict):
            known = members(kind)
            names = [key for key in ("type", "role") if key in value and key in known]
            return bool(names) and not any(
                self.problems(value[key], known[key][0]) for key in names
            )
        if isinstance(value, list):
            return typing_extensions.get_origin(kind) in LISTS
        return isinstance(value, str) and kind is str


def problems(case: dict) -> list[str]:
    if case["kind"] == "request":
        return Checker(case["beyond"]).problems(case["body"], REQUESTS[case["form"]])
    try:
        ANSWERS[case["form"]].model_validate(case["body"])
    except ValidationError as error:
        return [
            f"{'.'.join(map(str, e['loc']))}: {e['msg']}"
            for e in error.errors(include_url=False)
        ]
    return []


def main() -> None:
    with open(sys.argv[1], encoding="utf-8") as cases:
        for line in cases:
            case = json.loads(line)
            found = "; ".join(problems(case)[:5])
            print(f"{case['name']}\t{found}")


if __name__ == "__main__":
    main()
