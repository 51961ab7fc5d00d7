"""The options that a decision depends on: a task's, as they are between two kinds of storage."""

from dataclasses import dataclass

from datasync_api.task_options import TaskOptions
from datasync_runner.core.entry import EVERYTHING, Entry, Keeps


@dataclass(frozen=True, slots=True)
class CompareOptions:
    """The options that a decision depends on."""

    compare: bool = True
    """transferMode Changed."""
    overwrite: bool = True
    delete: bool = False
    mtime: bool = True
    uid: bool = True
    gid: bool = True
    mode: bool = True
    fill_defaults: bool = False
    """The destination is a file system: what the source does not state gets a default."""
    objects: bool = False
    """Both sides are object storage: their user metadata counts."""
    checksum: bool = False
    """compareMode Checksum."""
    time_grain_ns: int = 1
    """The destination keeps times in steps of so much: what is less is no difference."""
    source_before_ns: int = 0
    """The baseline: what the source stamped earlier, and"""
    destination_until_ns: int = -1
    """what the destination stamped no later, has not changed since both were equal."""
    devices: bool = False
    """Device nodes are kept: between file systems."""
    tags: bool = False
    """Both are, and their tags count, which no listing and no HEAD tells."""
    copies_tags: bool = False
    """Tags go with content."""
    descriptors: bool = False
    """Security descriptors count, which no listing tells."""
    inodes: bool = False
    """The destination states of which inode a file with several names is: object storage."""

    @classmethod
    def of(
        cls,
        options: TaskOptions,
        *,
        source_objects: bool,
        destination_objects: bool,
        keeps: Keeps = EVERYTHING,
    ) -> "CompareOptions":
        """What the task's options mean between two kinds of storage; `keeps`: the destination."""
        objects = source_objects and destination_objects
        return cls(
            compare=options.transfer_mode == "Changed",
            overwrite=options.overwrite_mode == "Always",
            delete=options.preserve_deleted_files == "Remove",
            mtime=options.mtime == "Preserve",
            uid=options.uid == "IntValue" and keeps.owners,
            gid=options.gid == "IntValue" and keeps.owners,
            mode=options.posix_permissions == "Preserve" and keeps.owners,
            fill_defaults=not destination_objects,
            objects=objects,
            inodes=destination_objects,
            tags=objects and options.object_tags == "Preserve",
            copies_tags=objects and options.object_tags != "None",
            checksum=options.compare_mode == "Checksum",
            time_grain_ns=keeps.time_grain_ns,
            descriptors=keeps.descriptors,
            devices=options.preserve_devices == "Preserve"
            and keeps.owners
            and not destination_objects,
        )

    @property
    def keeps_everything(self) -> bool:
        """Whether all metadata is kept: what is copied whole is then right."""
        return self.mtime and self.mode and self.uid and self.gid and self.time_grain_ns == 1

    @property
    def by_listings(self) -> bool:
        """Whether size and time decide, which every listing tells."""
        properties = self.objects or self.metadata or self.checksum or self.descriptors
        return self.compare and self.overwrite and not properties

    @property
    def metadata(self) -> bool:
        """Whether any metadata counts."""
        return self.mtime or self.mode or self.uid or self.gid

    def proven(self, source: Entry, destination: Entry) -> bool:
        """Whether neither has changed since both were equal."""
        return (
            source.changed_ns < self.source_before_ns
            and destination.changed_ns <= self.destination_until_ns
        )
