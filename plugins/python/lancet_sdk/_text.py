"""Texts that can cross the boundary: what is no UTF-8 cannot, and would end the plugin without a word."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from types import ModuleType
from typing import Any


def plain(text: str) -> str:
    """A text of which every half of a character is spelled out."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def crossing(value: Any) -> Any:
    """What is handed over, with all of its texts such as can cross."""
    if isinstance(value, str):
        return plain(value)
    if isinstance(value, list):
        return [crossing(one) for one in value]
    if is_dataclass(value) and not isinstance(value, type):
        for field in fields(value):
            one = getattr(value, field.name)
            if (new := crossing(one)) != one:
                # The author's own may be frozen.
                object.__setattr__(value, field.name, new)
    return value


def sending(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of the host's that is handed nothing that cannot cross: a submission may hold anything,
    and what a plugin repeats of it is not to end the plugin."""

    @functools.wraps(function)
    def send(*given: Any, **named: Any) -> Any:
        return function(*map(crossing, given), **{name: crossing(one) for name, one in named.items()})

    return send


def guard_texts(module: ModuleType) -> None:
    """Has a module's functions, and the methods of its resources, send what can cross alone."""
    for name, found in list(vars(module).items()):
        if getattr(found, "__module__", None) != module.__name__:
            continue
        if inspect.isfunction(found):
            setattr(module, name, sending(found))
        elif inspect.isclass(found) and not is_dataclass(found):
            for method, made in list(vars(found).items()):
                if method.startswith("__"):
                    continue
                if inspect.isfunction(made):
                    setattr(found, method, sending(made))
                elif isinstance(made, (classmethod, staticmethod)):
                    setattr(found, method, type(made)(sending(made.__func__)))
