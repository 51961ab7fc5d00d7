"""How our processes load what they need: without what would look at all of it for nothing."""

import gc
import os
import sys
from types import ModuleType
from typing import Final

_PLUGIN_LOADER: Final = "pydantic.plugin._loader"


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


def _without_plugins() -> None:
    """Have pydantic look for no plugins: we have none.

    The variable alone, which its documentation tells of, keeps it from calling them; it would still
    load `importlib.metadata` and the library of mails, 10 ms.  Where pydantic has renamed its
    loader, this does nothing.
    """
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    loader = ModuleType(_PLUGIN_LOADER)
    loader.__dict__["get_plugins"] = tuple  # () each time
    sys.modules.setdefault(_PLUGIN_LOADER, loader)
