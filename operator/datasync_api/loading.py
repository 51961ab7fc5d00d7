"""How our processes load what they need: without what would look at all of it for nothing."""

import gc
import os
import sys
from types import ModuleType
from typing import Any


def begin() -> None:
    """To be called before anything is loaded.

    What a module makes stays, so the garbage collector would go through ever more objects and
    find none: a tenth of a start.  It rests until `end`.
    """
    gc.disable()
    _without_plugins()


def end() -> None:
    """To be called when all is loaded: collect garbage, but no longer among what was loaded.

    A process that is forked later shares those objects, for nobody writes to them.
    """
    gc.freeze()
    gc.enable()


def leave_out(module: str, **content: Any) -> None:
    """Have what imports this module find these few names instead, unless it is there already.

    For a part of a library that is loaded with it, costs time and is never used; where the library
    has renamed it, nothing happens.
    """
    stand_in = ModuleType(module)
    stand_in.__dict__.update(content)
    sys.modules.setdefault(module, stand_in)


def _without_plugins() -> None:
    """Have pydantic look for no plugins: we have none.

    The variable alone, which its documentation tells of, keeps it from calling them; it would still
    load `importlib.metadata` and the library of mails, 10 ms.
    """
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    leave_out("pydantic.plugin._loader", get_plugins=tuple)  # () each time
