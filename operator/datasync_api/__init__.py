"""The contract: the four kinds with their rules, and what operator and runner tell each other.

Everything that more than one part of the system must agree on lives here, and nothing else: this
package does no I/O, reads no clock and imports neither the operator nor the runner.
"""

from typing import Final

GROUP: Final = "datasync.dev"
VERSION: Final = "v1alpha1"
API_VERSION: Final = f"{GROUP}/{VERSION}"
