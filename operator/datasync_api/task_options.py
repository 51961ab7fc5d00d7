"""The options of a task: what is compared, copied, kept and verified."""

from typing import Literal

from pydantic import Field

from datasync_api.base import ApiModel, Rule
from datasync_api.rate import UNLIMITED, BytesPerSecond

LogLevel = Literal["Off", "Basic", "Transfer"]
ObjectTags = Literal["Preserve", "PreserveOnTransfer", "None"]
SecurityDescriptorCopyFlags = Literal["None", "OwnerDACL", "OwnerDACLSACL"]


class TaskOptions(ApiModel):
    """What is compared, copied, kept and verified; AWS DataSync's options and defaults."""

    rules = (
        Rule(
            cel="!(self.transferMode == 'All' && self.preserveDeletedFiles == 'Remove')",
            message="Remove cannot be combined with transferMode All, which never lists the "
            "destination: use transferMode Changed, or preserveDeletedFiles Preserve",
            field=".preserveDeletedFiles",
            holds=lambda o: not (o.transfer_mode == "All" and o.preserve_deleted_files == "Remove"),
        ),
        Rule(
            cel="!(self.transferMode == 'All' && self.compareMode == 'Checksum')",
            message="transferMode All compares nothing: use transferMode Changed, or compareMode "
            "Properties",
            field=".compareMode",
            holds=lambda o: not (o.transfer_mode == "All" and o.compare_mode == "Checksum"),
        ),
        Rule(
            cel="(self.mtime == 'Preserve') == (self.atime == 'BestEffort')",
            message="mtime Preserve goes with atime BestEffort, and mtime None with atime None",
            field=".atime",
            holds=lambda o: (o.mtime == "Preserve") == (o.atime == "BestEffort"),
        ),
    )

    transfer_mode: Literal["Changed", "All"] = Field(
        default="Changed", description="Changed: only what differs. All: everything, uncompared."
    )
    verify_mode: Literal["OnlyFilesTransferred", "PointInTimeConsistent", "None"] = Field(
        default="OnlyFilesTransferred",
        description="OnlyFilesTransferred: what was transferred is checked at the destination. "
        "PointInTimeConsistent: at the end both sides are listed again and compared whole, content "
        "and metadata.",
    )
    overwrite_mode: Literal["Always", "Never"] = Field(
        default="Always", description="Never: what exists at the destination is left as it is."
    )
    preserve_deleted_files: Literal["Preserve", "Remove"] = Field(
        default="Preserve",
        description="Remove: delete at the destination what the source does not have.",
    )
    mtime: Literal["Preserve", "None"] = Field(
        default="Preserve", description="Keep modification times; needed to see later changes."
    )
    atime: Literal["BestEffort", "None"] = Field(
        default="BestEffort", description="Keep access times where possible; goes with mtime."
    )
    uid: Literal["IntValue", "None"] = Field(default="IntValue", description="Keep owners.")
    gid: Literal["IntValue", "None"] = Field(default="IntValue", description="Keep groups.")
    posix_permissions: Literal["Preserve", "None"] = Field(
        default="Preserve", description="Keep the mode bits."
    )
    preserve_devices: Literal["None", "Preserve"] = Field(
        default="None",
        description="Preserve: names, numbers and metadata of character and block devices are kept "
        "between file systems, never what is in them.",
    )
    security_descriptor_copy_flags: SecurityDescriptorCopyFlags | None = Field(
        default=None,
        description="Between SMB shares. OwnerDACL: owner, group and access list of files and "
        "folders are compared and copied. OwnerDACLSACL: the audit list as well, which needs the "
        "right to manage it (SeSecurityPrivilege) at both ends. Absent: OwnerDACL between shares, "
        "else None.",
    )
    object_tags: ObjectTags = Field(
        default="Preserve",
        description="Between object storage. Preserve: tags are compared and copied, which costs a "
        "request for each object on each side in each run. PreserveOnTransfer: copied with "
        "content alone.",
    )
    bytes_per_second: BytesPerSecond = Field(
        default=UNLIMITED,
        description="Ceiling of a run's rate, over all its connections; -1: unlimited.",
    )
    compare_mode: Literal["Properties", "Checksum"] = Field(
        default="Properties",
        description="Properties: size, time and metadata tell what has changed. Checksum: files of "
        "one size are compared by content, but for those that the last run has proven.",
    )
    checksum_algorithm: Literal["CRC64NVME", "CRC32C", "SHA256"] = Field(
        default="CRC64NVME",
        description="What S3 checks each object by when it is written, and stores with it. SHA256: "
        "of an object that is uploaded in parts, of the parts' checksums.",
    )
    task_queueing: Literal["Enabled", "Disabled"] = Field(
        default="Enabled",
        description="Disabled: a start while an execution of the task is active ends in Error.",
    )
    log_level: LogLevel = Field(
        default="Basic",
        description="Basic: the run, its phases and what failed. Transfer: every file too. Off: "
        "nothing but defects.",
    )
    file_error_policy: Literal["Fail", "Tolerate"] = Field(
        default="Fail",
        description="Tolerate: a run in which single files failed ends in CompletedWithErrors "
        "instead of Error; content that is wrong at the destination is an Error in any case.",
    )
    hidden_files: Literal["Include", "Exclude"] = Field(
        default="Include",
        description="Exclude: names that begin with a dot take no part, nor does what is inside.",
    )
