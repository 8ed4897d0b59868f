"""What a Python author of a Lancet plugin depends on.

The contract's interfaces are modules here (`answer_key`, `submission`, `tests` and so on), and
the types that everybody needs are names. In a component they are those of the world that it
was built for, which imports what `plugin.toml` asks for. In plain Python they are there as
well, and `lancet_sdk.testing` has a host to answer them.
"""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING

from ._host import INTERFACES, NoHost, interface
from ._plugin import BadAnswerKey, Unsupported, agent, failed, grader, passed, setting

if TYPE_CHECKING:
    from ._bindings.componentize_py_types import Err
    from ._bindings.wit_world.exports import configuring as configuring
    from ._bindings.wit_world.imports import answer_key as answer_key
    from ._bindings.wit_world.imports import artifacts as artifacts
    from ._bindings.wit_world.imports import budget as budget
    from ._bindings.wit_world.imports import input as input
    from ._bindings.wit_world.imports import log as log
    from ._bindings.wit_world.imports import model as model
    from ._bindings.wit_world.imports import random as random
    from ._bindings.wit_world.imports import settings as settings
    from ._bindings.wit_world.imports import shell as shell
    from ._bindings.wit_world.imports import submission as submission
    from ._bindings.wit_world.imports import tests as tests
    from ._bindings.wit_world.imports import user_tool as user_tool
    from ._bindings.wit_world.imports import workspace as workspace
    from ._bindings.wit_world.imports.types import (
        Answer,
        ArtifactEntry,
        ArtifactKind,
        Check,
        Outcome,
        Proposal,
        Task,
        TaskKind,
        Verdict,
    )
    from ._bindings.wit_world.imports.types import Answer_Choice as Choice
    from ._bindings.wit_world.imports.types import Answer_Document as Document
    from ._bindings.wit_world.imports.types import Answer_Nothing as Nothing
    from ._bindings.wit_world.imports.types import Answer_WorkTree as WorkTree
    from ._bindings.wit_world.imports.types import CallError_NotFound as NotFound
    from ._bindings.wit_world.imports.types import CallError_Other as CallFailed
    from ._bindings.wit_world.imports.types import CallError_Refused as Refused
    from ._bindings.wit_world.imports.types import CallError_TooLarge as TooLarge
    from ._bindings.wit_world.imports.types import CallError_Unavailable as Unavailable

__version__ = "0.1.0"

__all__ = [
    "Answer",
    "ArtifactEntry",
    "ArtifactKind",
    "BadAnswerKey",
    "CallFailed",
    "Check",
    "Choice",
    "Document",
    "Err",
    "NoHost",
    "NotFound",
    "Nothing",
    "Outcome",
    "Proposal",
    "Refused",
    "Task",
    "TaskKind",
    "TooLarge",
    "Unavailable",
    "Unsupported",
    "Verdict",
    "WorkTree",
    "agent",
    "failed",
    "grader",
    "passed",
    "setting",
]

# What the bindings call those that have another name here.
_RENAMED = {
    "Choice": "Answer_Choice",
    "Document": "Answer_Document",
    "Nothing": "Answer_Nothing",
    "WorkTree": "Answer_WorkTree",
    "NotFound": "CallError_NotFound",
    "Refused": "CallError_Refused",
    "TooLarge": "CallError_TooLarge",
    "Unavailable": "CallError_Unavailable",
    "CallFailed": "CallError_Other",
}


def __getattr__(name: str) -> ModuleType | object:
    # Only when it is asked for: a component has the interfaces that its manifest asks for.
    found: ModuleType | object
    if name in INTERFACES or name == "configuring":
        found = interface(name)
    elif name == "Err":
        found = __import__("componentize_py_types").Err
    elif name in __all__:
        found = getattr(interface("types"), _RENAMED.get(name, name))
    else:
        raise AttributeError(f"module `lancet_sdk` has no `{name}`")
    globals()[name] = found
    return found
