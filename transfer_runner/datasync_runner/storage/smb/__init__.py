"""SMB 2.1 to 3.1.1 in user space: shares as source and destination."""

import sys
from types import ModuleType

# Of what logs on we use NTLM alone.  The library also loads what CredSSP needs, which no SMB server
# knows: all of X.509, a third of the time that this package takes to load.
_credssp = ModuleType("spnego._credssp")
setattr(_credssp, "CredSSPProxy", None)  # noqa: B010 - a module's type has no such attribute
sys.modules.setdefault(_credssp.__name__, _credssp)
