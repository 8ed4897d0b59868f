"""Where the contract's modules come from: a component's own, or those for plain Python."""

from __future__ import annotations

import importlib
import inspect
import sys
from pathlib import Path
from types import ModuleType

from ._text import guard_texts

IN_COMPONENT = sys.platform == "wasi"

# Whether all the modules of a component are there, so that none is looked for any more.
_is_loaded = False

# What the host does, by interface: the names of the functions. Empty in a component.
FUNCTIONS: dict[str, list[str]] = {}

# The interfaces that a plugin may import, by the names of their modules.
INTERFACES = (
    "answer_key",
    "artifacts",
    "budget",
    "input",
    "log",
    "model",
    "random",
    "settings",
    "shell",
    "submission",
    "tests",
    "user_tool",
    "workspace",
)


class NoHost(Exception):
    """Something asked the host, and there is none: use `lancet_sdk.testing.Host`."""


def interface(name: str) -> ModuleType:
    """The module of an interface of the contract."""
    part = "exports" if name == "configuring" else "imports"
    path = f"wit_world.{part}.{name}"
    try:
        if _is_loaded and path not in sys.modules:
            raise ModuleNotFoundError(path)
        return importlib.import_module(path)
    except ModuleNotFoundError as error:
        asked = name.replace("_", "-")
        raise ImportError(
            f"`{asked}` is not asked for: add `{asked} = \"why it is needed\"` to `[asks]` of plugin.toml"
        ) from error


def _absent(name: str, function: str) -> object:
    def ask(*_: object, **__: object) -> object:
        raise NoHost(
            f"`{name}.{function}` asks the host, and there is none: in a unit test use `with lancet_sdk.testing.Host(...):`"
        )

    return ask


if IN_COMPONENT:
    # Now, while the component is built: to look for a module later is to read files, a trap.
    for _name in (*INTERFACES, "types", "configuring"):
        try:
            _module = interface(_name)
        except ImportError:
            # The world of this component does not have it.
            continue
        if _name in INTERFACES:
            guard_texts(_module)
    _is_loaded = True
else:
    # Before whatever else is called so: generated modules that lie about are not the contract.
    sys.path.insert(0, str(Path(__file__).with_name("_bindings")))
    for _name in INTERFACES:
        _module = interface(_name)
        # Not what a module took from elsewhere.
        _found = inspect.getmembers(_module, inspect.isfunction)
        FUNCTIONS[_name] = [name for name, found in _found if found.__module__ == _module.__name__]
        for _function in FUNCTIONS[_name]:
            setattr(_module, _function, _absent(_name, _function))
