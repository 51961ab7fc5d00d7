"""What can go wrong with storage, named after what the caller can do about it.

    StorageError
    ├── Unavailable                 retry; a file's failure when the retries are used up
    │   ├── NoService               no such name, nobody listens there: soon final at a run's start
    │   └── Throttled               asked to come back later: retry, and ask less often
    ├── FileError                   this file failed, the run goes on
    │   ├── Missing                 gone since it was listed
    │   ├── Denied                  no right to it
    │   ├── Archived                cannot be read until it is restored: skipped, no failure
    │   ├── StillOpen               removed, but for a process that has it open: skipped
    │   ├── ChangedDuringTransfer   what was read is neither the old nor the new content
    │   ├── SymlinkEscapes          a link that leads out of the location
    │   ├── NameNotRepresentable    the other side cannot have such a name
    │   ├── NotSupported            the storage cannot do what is asked for this file
    │   ├── Conflict                something else is in its place
    │   ├── Overtaken               another run has written the same file meanwhile
    │   ├── Full                    no space or no quota
    │   ├── VerificationFailed      the destination does not hold what was sent
    │   └── Unexpected              an answer that no rule here knows
    └── StopError                   the whole run cannot go on
        ├── ConfigurationInvalid    exit 10
        │   └── OptionsInvalid      the options, not the location
        ├── BucketMissing           exit 10
        ├── CredentialsRefused      exit 11
        └── Unreachable             exit 30

Adapters turn the errors of operating system and libraries into these at one border each.
"""

from datasync_api.conditions import Reason
from datasync_api.exit_codes import ExitCode
from datasync_api.preflight import End


class StorageError(Exception):
    """Base of all: the item's key (empty: the location), and a message fit for users."""

    hint = ""
    skips = False
    """Whether the item is skipped, which fails nothing."""
    error_code = ""
    """The server's own code, where it gave one."""

    def __init__(self, message: str, key: bytes = b"") -> None:
        super().__init__(message)
        self.message = message
        self.key = key

    @property
    def code(self) -> str:
        """The stable word for reports."""
        return type(self).__name__


class Unavailable(StorageError):
    """The storage did not answer, or asked to come back later."""

    hint = "the storage answered too late or with errors; run again when it is well"


class NoService(Unavailable):
    """There is nothing of the kind at that address: no such name, nobody who listens, no TLS.

    What was there before may come back; what was never reached is most likely written wrong.
    """


class Throttled(Unavailable):
    """The storage asked to come back later: it is asked too often."""

    hint = "the storage is busy; run again later, or with a lower ceiling of bytes per second"


class FileError(StorageError):
    """One item failed."""


class Missing(FileError):
    """Gone since it was listed."""

    hint = "removed while the run was going; the next run settles it"


class Denied(FileError):
    """No right to the item."""

    hint = (
        "give the runner the right: runAsUser or supplementalGroups of the agent, its privileges "
        "ReadAll or PreserveOwnership, no_root_squash of an NFS export, or the bucket's policy"
    )


class Archived(FileError):
    """An object in an archive, which cannot be read until it is restored; AWS DataSync skips it."""

    hint = "restore the objects (RestoreObject) and run again, or exclude them"
    skips = True


class StillOpen(FileError):
    """Removed already, and there under another name until the last process closes it."""

    hint = "it goes when whoever has it open on the node closes it"
    skips = True


class ChangedDuringTransfer(FileError):
    """Changed while being read."""

    hint = "something writes to it; the next run takes it again"


class SymlinkEscapes(FileError):
    """A link whose target is outside of the location."""

    hint = "links are restored only when their targets stay inside the destination"


class NameNotRepresentable(FileError):
    """The destination cannot have such a name."""

    hint = "rename it at the source, or exclude it"


class NotSupported(FileError):
    """The storage cannot do what is asked."""

    hint = "exclude the file, or switch off the option that asks for it"


class Conflict(FileError):
    """Something of another kind is in the item's place."""

    hint = "rename or remove one of the two"


class Overtaken(FileError):
    """Another run that writes the same file has replaced what was written so far."""

    hint = "let one run at a time write to the destination, then run again"


class Full(FileError):
    """No space, or no quota."""

    hint = "make room at the destination, then run again"


class VerificationFailed(FileError):
    """The destination does not hold what was sent."""

    hint = "check the destination's storage; the next run copies the file again"


class Unexpected(FileError):
    """An answer that no rule knows."""

    hint = "see the runner's log"


class StopError(StorageError):
    """The whole run cannot go on."""

    reason = Reason.INTERNAL_ERROR
    exit_code = ExitCode.HOPELESS
    location: End | None = None
    """The location that did not let the run in at its start, where that is why."""


class ConfigurationInvalid(StopError):
    """The location or the options cannot work."""

    reason = Reason.CONFIGURATION_INVALID
    exit_code = ExitCode.CONFIGURATION


class OptionsInvalid(ConfigurationInvalid):
    """The options ask for what the runner may not do, wherever the location is."""


class BucketMissing(StopError):
    """There is no such bucket."""

    reason = Reason.BUCKET_NOT_FOUND
    exit_code = ExitCode.CONFIGURATION


class CredentialsRefused(StopError):
    """The storage does not accept the credentials."""

    reason = Reason.CREDENTIALS_REFUSED
    exit_code = ExitCode.CREDENTIALS


class Unreachable(StopError):
    """The storage as a whole did not answer for as long as retries go on."""

    reason = Reason.LOCATION_UNREACHABLE
    exit_code = ExitCode.TRANSIENT
