"""What can go wrong between the operator and the API server, named by what the caller can do.

ClusterError
├── NotFound        it is gone: look again, or treat it as deleted
├── AlreadyExists   somebody made it: for deterministic names, it is ours
├── Conflict        it changed meanwhile: observe again
├── Refused         the request can never work (422, 400): tell the user
├── Denied          the rights are missing (401, 403): tell the administrator
└── Unavailable     the server is away or busy (429, 5xx, no answer): try again later
"""


class ClusterError(Exception):
    """A call to the API server failed; the text is the server's own message."""


class NotFound(ClusterError):
    """The object does not exist."""


class AlreadyExists(ClusterError):
    """An object of this name exists."""


class Conflict(ClusterError):
    """The object is not in the state that the request assumed."""


class Refused(ClusterError):
    """The request is invalid and stays so."""


class Denied(ClusterError):
    """The operator's service account has no right to this."""


class Unavailable(ClusterError):
    """No answer, or one that says to come back later."""
