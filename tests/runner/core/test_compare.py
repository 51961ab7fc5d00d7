"""The truth table of `decide`, row by row."""

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasync_api.task_options import TaskOptions
from datasync_runner.core import compare
from datasync_runner.core.actions import Action
from datasync_runner.core.compare import decide
from datasync_runner.core.compare_options import CompareOptions
from datasync_runner.core.entry import (
    Device,
    Entry,
    HardLink,
    Keeps,
    Kind,
    ObjectHeaders,
    PosixMetadata,
    StatedInode,
    WindowsMetadata,
)
from datasync_runner.core.wanted import wanted
from fakes.descriptors import OTHER, REORDERED, USUAL

META = PosixMetadata(0o644, 1000, 1000, 5, 4)


def file(**changes):
    metadata = changes.pop("metadata", META)
    mtime_ns = metadata.mtime_ns if metadata and metadata.mtime_ns is not None else 5
    return Entry(b"k", Kind.FILE, 3, mtime_ns, metadata)._replace(**changes)


def folder(**changes):
    return Entry(b"k/", Kind.FOLDER, 0, 5, META)._replace(**changes)


def stated(**changes):
    return META._replace(**changes)


SPECIAL = Entry(b"k", Kind.SPECIAL)
DEVICE = Entry(b"k", Kind.DEVICE, 0, 5, META, node=Device(block=False, number=259))
DEVICES = CompareOptions(devices=True)
TWO_NAMES = HardLink(device=1, inode=2, names=2)
LINK = file(kind=Kind.SYMLINK, metadata=stated(mode=0o777))
IMPLIED = Entry(b"k/", Kind.FOLDER, implied=True)
AWAY = None
PLAIN = CompareOptions()
TO_FILES = CompareOptions(fill_defaults=True)
NEVER = CompareOptions(overwrite=False)
REMOVE = CompareOptions(delete=True)
ALL = CompareOptions(compare=False)
NO_TIME = CompareOptions(mtime=False)
NOTHING = CompareOptions(mtime=False, uid=False, gid=False, mode=False)
OBJECTS = CompareOptions(objects=True)
LISTED = file(metadata=None, mtime_ns=0)
UNTIMED = file(metadata=stated(mtime_ns=None), mtime_ns=5, etag='"1"')
"""An object of another tool, whose metadata tells no time: S3's own is that of its writing."""
FOREIGN = ObjectHeaders(user_metadata=(("a", "1"),))
PROVEN = CompareOptions(source_before_ns=10, destination_until_ns=20)
OLD = file(changed_ns=9)
TAGGED = FOREIGN._replace(tags=(("project", "x"),))
TAGS = CompareOptions(objects=True, tags=True)
TAGS_DIFFER = "UpdateMetadata TagsDiffer"

MADE = PosixMetadata(0o755, 1, 1, 5, 1000)
CREATED = WindowsMetadata(0, 116_444_736_000_000_010)
"""At its atime: Samba tells the earliest time of a file where no create time was ever set."""
DESCRIPTORS = CompareOptions(descriptors=True)
LATER = CREATED._replace(created=CREATED.created + 1)

TO_OBJECTS = CompareOptions(inodes=True)
STATED_TWO = StatedInode(TWO_NAMES.inode)
PROTECTED = CompareOptions(descriptors=True, source_before_ns=10, destination_until_ns=20)


def described(descriptor, **more):
    """A file of a share."""
    return file(node=WindowsMetadata(0, 9, descriptor), **more)


TABLE = [
    (file(node=TWO_NAMES), file(node=STATED_TWO), TO_OBJECTS, "Skip Same"),
    (file(node=TWO_NAMES), file(), TO_OBJECTS, "UpdateMetadata MetadataDiffers"),
    (file(node=TWO_NAMES), file(node=StatedInode(3)), TO_OBJECTS, "UpdateMetadata MetadataDiffers"),
    (file(), file(node=STATED_TWO), TO_OBJECTS, "UpdateMetadata MetadataDiffers"),
    (file(node=TWO_NAMES._replace(names=1)), file(), TO_OBJECTS, "Skip Same"),
    (file(node=STATED_TWO), file(node=STATED_TWO), TO_OBJECTS, "Skip Same"),
    (file(node=STATED_TWO), file(), PLAIN, "Skip Same"),
    (AWAY, SPECIAL, REMOVE, "Skip NotAtSource"),
    (AWAY, IMPLIED, REMOVE, "Skip ImpliedFolder"),
    (AWAY, file(), REMOVE, "Delete NotAtSource"),
    (AWAY, folder(), REMOVE, "Delete NotAtSource"),
    (AWAY, file(), PLAIN, "Skip NotAtSource"),
    (AWAY, DEVICE, REMOVE, "Skip NotAtSource"),
    (AWAY, DEVICE, CompareOptions(delete=True, devices=True), "Delete NotAtSource"),
    (DEVICE, AWAY, PLAIN, "Skip SpecialFile"),
    (DEVICE, AWAY, DEVICES, "Copy NotAtDestination"),
    (DEVICE, SPECIAL, DEVICES, "Conflict SpecialFileInTheWay"),
    (file(), DEVICE, PLAIN, "Conflict SpecialFileInTheWay"),
    (file(size_bytes=0), DEVICE, DEVICES, "Copy KindDiffers"),
    (DEVICE, file(size_bytes=0), DEVICES, "Copy KindDiffers"),
    (DEVICE, DEVICE._replace(node=Device(block=True, number=259)), DEVICES, "Copy DeviceDiffers"),
    (DEVICE, DEVICE._replace(node=Device(block=False, number=1)), DEVICES, "Copy DeviceDiffers"),
    (DEVICE, DEVICE, DEVICES, "Skip Same"),
    (
        DEVICE,
        DEVICE._replace(metadata=stated(mode=0)),
        DEVICES,
        "UpdateMetadata MetadataDiffers",
    ),
    (
        DEVICE,
        DEVICE._replace(mtime_ns=6, metadata=stated(mtime_ns=6)),
        DEVICES,
        "UpdateMetadata MetadataDiffers",
    ),
    (SPECIAL, AWAY, PLAIN, "Skip SpecialFile"),
    (SPECIAL, file(), PLAIN, "Skip SpecialFile"),
    (IMPLIED, AWAY, PLAIN, "Skip ImpliedFolder"),
    (IMPLIED, AWAY, TO_FILES, "Copy NotAtDestination"),
    (file(), AWAY, NEVER, "Copy NotAtDestination"),
    (folder(), AWAY, PLAIN, "Copy NotAtDestination"),
    (file(), SPECIAL, PLAIN, "Conflict SpecialFileInTheWay"),
    (IMPLIED, IMPLIED, PLAIN, "Skip Same"),
    (folder(), IMPLIED, NEVER, "Copy FolderMarkerMissing"),
    (file(), file(size_bytes=4), NEVER, "Skip OverwriteNever"),
    (IMPLIED, folder(metadata=stated(mode=0)), PLAIN, "Skip Same"),
    (folder(), folder(metadata=PosixMetadata(), bare=True), PLAIN, "Skip Same"),
    (file(), file(), ALL, "Copy TransferModeAll"),
    (file(), file(size_bytes=4), PLAIN, "Copy SizeDiffers"),
    (file(), file(size_bytes=4, metadata=None), PLAIN, "Copy SizeDiffers"),
    (OLD, LISTED._replace(changed_ns=20), PROVEN, "Skip Unchanged"),
    (OLD, LISTED._replace(changed_ns=20), replace(PROVEN, overwrite=False), "Skip OverwriteNever"),
    (OLD, LISTED._replace(changed_ns=20, size_bytes=4), PROVEN, "Copy SizeDiffers"),
    (OLD, LISTED._replace(changed_ns=21), PROVEN, "Inspect MetadataUnknown"),
    (file(changed_ns=10), LISTED._replace(changed_ns=20), PROVEN, "Inspect MetadataUnknown"),
    (OLD, file(metadata=stated(mode=0), changed_ns=20), PROVEN, "UpdateMetadata MetadataDiffers"),
    (file(), LISTED, PLAIN, "Inspect MetadataUnknown"),
    (LISTED, file(), PLAIN, "Inspect MetadataUnknown"),
    (folder(), folder(metadata=None), PLAIN, "Inspect MetadataUnknown"),
    (LINK, LISTED, NOTHING, "Inspect MetadataUnknown"),
    (LISTED, LISTED, CompareOptions(False, objects=True), "Copy TransferModeAll"),
    (file(), LISTED._replace(mtime_ns=5), NOTHING, "Skip Same"),
    (file(), LINK, PLAIN, "Copy KindDiffers"),
    (LINK, file(), PLAIN, "Copy KindDiffers"),
    (file(), file(metadata=stated(mtime_ns=None), mtime_ns=5), PLAIN, "Copy MtimeUnknown"),
    (UNTIMED._replace(mtime_ns=9), UNTIMED, OBJECTS, "Skip Same"),
    (UNTIMED._replace(mtime_ns=9, etag='"2"'), UNTIMED, OBJECTS, "Copy SourceNewer"),
    (UNTIMED._replace(mtime_ns=9, etag=""), UNTIMED._replace(etag=""), OBJECTS, "Copy SourceNewer"),
    (UNTIMED, UNTIMED._replace(mtime_ns=9, etag='"2"'), OBJECTS, "Skip Same"),
    (
        UNTIMED._replace(mtime_ns=9, metadata=stated(mtime_ns=None, mode=0)),
        UNTIMED,
        OBJECTS,
        "UpdateMetadata MetadataDiffers",
    ),
    (file(), UNTIMED, OBJECTS, "Copy MtimeUnknown"),
    (UNTIMED, UNTIMED, PLAIN, "Copy MtimeUnknown"),
    (file(metadata=stated(mtime_ns=6)), file(), PLAIN, "Copy MtimeDiffers"),
    (file(metadata=stated(mtime_ns=4)), file(), PLAIN, "Copy MtimeDiffers"),
    (file(metadata=stated(mtime_ns=6)), file(), NO_TIME, "Copy SourceNewer"),
    (file(metadata=stated(mtime_ns=4)), file(), NO_TIME, "Skip Same"),
    (file(metadata=stated(mode=0o600)), file(), PLAIN, "UpdateMetadata MetadataDiffers"),
    (file(metadata=stated(uid=1)), file(), PLAIN, "UpdateMetadata MetadataDiffers"),
    (
        file(metadata=stated(uid=1), node=TWO_NAMES),
        file(node=TWO_NAMES),
        PLAIN,
        "UpdateMetadata MetadataDiffers",
    ),
    (
        file(metadata=stated(uid=1), node=TWO_NAMES),
        file(),
        PLAIN,
        "UpdateMetadata MetadataDiffers",
    ),
    (file(metadata=stated(uid=1)), file(node=TWO_NAMES), PLAIN, "Copy LinkedElsewhere"),
    (file(), file(node=TWO_NAMES), PLAIN, "Skip Same"),
    (file(metadata=stated(gid=1)), file(), PLAIN, "UpdateMetadata MetadataDiffers"),
    (
        file(node=WindowsMetadata(2, 9)),
        file(node=WindowsMetadata(0, 9)),
        PLAIN,
        "UpdateMetadata MetadataDiffers",
    ),
    (
        folder(node=WindowsMetadata(0, 9)),
        folder(node=WindowsMetadata(0, 8)),
        PLAIN,
        "UpdateMetadata MetadataDiffers",
    ),
    (file(node=WindowsMetadata(2, 9)), file(node=WindowsMetadata(2, 9)), PLAIN, "Skip Same"),
    (folder(metadata=MADE), folder(metadata=MADE, node=CREATED), PLAIN, "Skip Same"),
    (folder(metadata=MADE, node=CREATED), folder(metadata=MADE, node=LATER), PLAIN, "Skip Same"),
    (
        folder(metadata=MADE, node=CREATED),
        folder(metadata=MADE, node=LATER._replace(attributes=2)),
        PLAIN,
        "UpdateMetadata MetadataDiffers",
    ),
    (described(USUAL), described(USUAL), DESCRIPTORS, "Skip Same"),
    (described(USUAL), described(OTHER), DESCRIPTORS, "UpdateMetadata MetadataDiffers"),
    (described(USUAL), described(REORDERED), DESCRIPTORS, "Skip Same"),
    (described(REORDERED), described(USUAL), DESCRIPTORS, "Skip Same"),
    (described(USUAL), described(None), DESCRIPTORS, "Inspect DescriptorUnknown"),
    (described(None), described(USUAL), DESCRIPTORS, "Inspect DescriptorUnknown"),
    (described(None), described(None), DESCRIPTORS, "Inspect DescriptorUnknown"),
    (described(None), described(None), PLAIN, "Skip Same"),
    (described(None, size_bytes=9), described(None), DESCRIPTORS, "Copy SizeDiffers"),
    (described(None, mtime_ns=9), described(None), DESCRIPTORS, "Copy MtimeDiffers"),
    (described(None, changed_ns=9), described(None, changed_ns=20), PROTECTED, "Skip Same"),
    (
        described(None, changed_ns=10),
        described(None, changed_ns=20),
        PROTECTED,
        "Inspect DescriptorUnknown",
    ),
    (
        described(None, changed_ns=9),
        described(None, changed_ns=21),
        PROTECTED,
        "Inspect DescriptorUnknown",
    ),
    (
        folder(node=WindowsMetadata(0, 9)),
        folder(node=WindowsMetadata(0, 9)),
        DESCRIPTORS,
        "Inspect DescriptorUnknown",
    ),
    (file(), file(), DESCRIPTORS, "Skip Same"),
    (file(node=WindowsMetadata(2, 9)), file(), PLAIN, "Skip Same"),
    (file(), file(node=WindowsMetadata(2, 9)), PLAIN, "Skip Same"),
    (file(metadata=stated(mode=0o600)), file(), CompareOptions(mode=False), "Skip Same"),
    (file(metadata=stated(uid=1)), file(), CompareOptions(uid=False), "Skip Same"),
    (file(metadata=stated(gid=1)), file(), CompareOptions(gid=False), "Skip Same"),
    (LINK, LINK._replace(metadata=stated(mode=0)), PLAIN, "Skip Same"),
    (LINK, LINK._replace(metadata=stated(uid=1)), PLAIN, "UpdateMetadata MetadataDiffers"),
    (folder(metadata=stated(mtime_ns=6)), folder(), PLAIN, "UpdateMetadata MetadataDiffers"),
    (folder(metadata=stated(mtime_ns=None)), folder(), PLAIN, "Skip Same"),
    (folder(metadata=stated(mtime_ns=6)), folder(), NO_TIME, "Skip Same"),
    (
        file(metadata=PosixMetadata(mtime_ns=5)),
        file(metadata=PosixMetadata(0o755, 65534, 65534, 5)),
        TO_FILES,
        "Skip Same",
    ),
    (
        file(metadata=PosixMetadata(mtime_ns=5)),
        file(),
        TO_FILES,
        "UpdateMetadata MetadataDiffers",
    ),
    (
        file(headers=FOREIGN),
        file(headers=ObjectHeaders("text/plain")),
        OBJECTS,
        "UpdateMetadata UserMetadataDiffers",
    ),
    (
        file(headers=FOREIGN),
        file(headers=FOREIGN._replace(content_type="text/plain")),
        OBJECTS,
        "Skip Same",
    ),
    (file(headers=TAGGED), file(headers=FOREIGN._replace(tags=())), TAGS, TAGS_DIFFER),
    (file(headers=TAGGED), file(headers=FOREIGN._replace(tags=())), OBJECTS, "Skip Same"),
    (file(headers=TAGGED), file(headers=TAGGED), TAGS, "Skip Same"),
    (
        file(headers=TAGGED),
        file(headers=ObjectHeaders(tags=())),
        TAGS,
        "UpdateMetadata UserMetadataDiffers",
    ),
    (file(), file(), PLAIN, "Skip Same"),
    (file(), file(metadata=stated(atime_ns=9)), PLAIN, "Skip Same"),
    (folder(), folder(), PLAIN, "Skip Same"),
]


@pytest.mark.parametrize(("source", "destination", "options", "expected"), TABLE)
def test_decide(source, destination, options, expected):
    decision = decide(source, destination, options)
    assert f"{decision.action.value} {decision.reason}" == expected


BY_CONTENT = CompareOptions(checksum=True)
OTHER_TIME = file(metadata=stated(mtime_ns=6))
CONTENTS = [
    (file(), file(), BY_CONTENT, None, "Inspect ContentUnknown"),
    (file(), file(), BY_CONTENT, False, "Copy ContentDiffers"),
    (file(), file(), BY_CONTENT, True, "Skip Same"),
    (OTHER_TIME, file(), BY_CONTENT, True, "UpdateMetadata MetadataDiffers"),
    (UNTIMED, UNTIMED, BY_CONTENT, True, "UpdateMetadata MetadataDiffers"),
    (UNTIMED._replace(mtime_ns=9), UNTIMED, replace(OBJECTS, checksum=True), True, "Skip Same"),
    (OTHER_TIME, file(), replace(NO_TIME, checksum=True), True, "Skip Same"),
    (file(metadata=stated(mode=0)), file(), BY_CONTENT, True, "UpdateMetadata MetadataDiffers"),
    (file(), file(size_bytes=4), BY_CONTENT, None, "Copy SizeDiffers"),
    (file(), LINK, BY_CONTENT, None, "Copy KindDiffers"),
    (LISTED, LISTED, replace(NOTHING, checksum=True), None, "Inspect ContentUnknown"),
    (folder(), folder(), BY_CONTENT, None, "Skip Same"),
    (OLD, file(changed_ns=20), replace(PROVEN, checksum=True), None, "Skip Same"),
    (OLD, file(changed_ns=21), replace(PROVEN, checksum=True), None, "Inspect ContentUnknown"),
    (OLD, LISTED._replace(changed_ns=20), replace(PROVEN, checksum=True), None, "Skip Unchanged"),
    (file(), file(), PLAIN, False, "Skip Same"),
]


@pytest.mark.parametrize(("source", "destination", "options", "same", "expected"), CONTENTS)
def test_decide_by_content(source, destination, options, same, expected):
    decision = decide(source, destination, options, same=same)
    assert f"{decision.action.value} {decision.reason}" == expected


def test_the_docstring_and_this_table_name_the_same_decisions():
    documented = set(re.findall(r"\| ([A-Z]\w+ \w+) \|\n", compare.decide.__doc__ or ""))
    assert {row[-1] for row in [*TABLE, *CONTENTS]} == documented


METADATA = st.builds(
    PosixMetadata,
    st.none() | st.integers(0, 0o7777),
    st.none() | st.integers(0, 70_000),
    st.none() | st.integers(0, 70_000),
    st.none() | st.integers(0, 10**19),
    st.none() | st.integers(0, 10**19),
)
OPTIONS = st.builds(
    CompareOptions,
    overwrite=st.booleans(),
    delete=st.booleans(),
    mtime=st.just(True),
    uid=st.booleans(),
    gid=st.booleans(),
    mode=st.booleans(),
    fill_defaults=st.booleans(),
)


@given(METADATA, OPTIONS, st.sampled_from([Kind.FILE, Kind.FOLDER, Kind.SYMLINK]))
def test_what_was_written_as_wanted_is_the_same_afterwards(metadata, options, kind):
    mtime_ns = 7 if metadata.mtime_ns is None else metadata.mtime_ns
    source = Entry(b"k", kind, 3, mtime_ns, metadata)
    there = wanted(source, options)
    told = there.metadata._replace(
        mtime_ns=8
        if options.fill_defaults and there.metadata.mtime_ns is None
        else there.metadata.mtime_ns
    )
    assert decide(source, there._replace(metadata=told), options).action is Action.SKIP


@pytest.mark.parametrize("options", [PLAIN, TO_FILES, OBJECTS])
@pytest.mark.parametrize("entry", [file(), folder(), LINK], ids=["file", "folder", "link"])
def test_what_is_kept_whole_is_wanted_as_it_is(entry, options):
    assert wanted(entry, options) is entry


@pytest.mark.parametrize(
    ("entry", "options", "metadata"),
    [
        (file(), CompareOptions(mode=False), stated(mode=None)),
        (file(), CompareOptions(uid=False), stated(uid=None)),
        (file(), NO_TIME, stated(mtime_ns=None, atime_ns=None)),
        (UNTIMED, PLAIN, META),
        (folder(metadata=stated(mtime_ns=None)), PLAIN, stated(mtime_ns=None)),
        (file(), CompareOptions(time_grain_ns=100), stated(mtime_ns=META.mtime_ns // 100 * 100)),
        (LISTED._replace(mtime_ns=7), PLAIN, PosixMetadata(mtime_ns=7)),
    ],
)
def test_what_is_not_kept_or_not_stated_is_wanted_otherwise(entry, options, metadata):
    assert wanted(entry, options) == entry._replace(metadata=metadata)


@pytest.mark.parametrize(
    ("option", "both", "compared"),
    [
        ("Preserve", True, True),
        ("Preserve", False, False),
        ("PreserveOnTransfer", True, False),
        ("None", True, False),
    ],
)
def test_tags_are_compared_between_objects_where_they_are_preserved(option, both, compared):
    options = TaskOptions(object_tags=option)
    found = CompareOptions.of(options, source_objects=True, destination_objects=both)
    assert found.tags is compared
    assert found.copies_tags is (both and option != "None")


def test_options_of_the_task():
    options = TaskOptions(
        transfer_mode="All",
        overwrite_mode="Never",
        mtime="None",
        atime="None",
        uid="None",
        gid="None",
        posix_permissions="None",
    )
    found = CompareOptions.of(options, source_objects=True, destination_objects=True)
    assert found == CompareOptions(
        compare=False,
        overwrite=False,
        mtime=False,
        uid=False,
        gid=False,
        mode=False,
        objects=True,
        inodes=True,
        tags=True,
        copies_tags=True,
    )
    usual = CompareOptions.of(TaskOptions(), source_objects=True, destination_objects=False)
    assert usual == CompareOptions(fill_defaults=True)
    by_content = TaskOptions(compare_mode="Checksum")
    found = CompareOptions.of(by_content, source_objects=False, destination_objects=True)
    assert found == replace(BY_CONTENT, inodes=True)
    remove = TaskOptions(preserve_deleted_files="Remove")
    found = CompareOptions.of(remove, source_objects=False, destination_objects=True)
    assert found == CompareOptions(delete=True, inodes=True)
    devices = TaskOptions(preserve_devices="Preserve")
    found = CompareOptions.of(devices, source_objects=False, destination_objects=False)
    assert found == CompareOptions(devices=True, fill_defaults=True)
    found = CompareOptions.of(devices, source_objects=False, destination_objects=True)
    assert found == CompareOptions(inodes=True)
    found = CompareOptions.of(
        devices, source_objects=False, destination_objects=False, keeps=Keeps(owners=False)
    )
    assert not found.devices
    keeping = Keeps(descriptors=True)
    found = CompareOptions.of(
        TaskOptions(), source_objects=False, destination_objects=False, keeps=keeping
    )
    assert found.descriptors
    without_metadata = CompareOptions(descriptors=True, mtime=False, uid=False, gid=False)
    assert not replace(without_metadata, mode=False).by_listings  # which tell no descriptors


def test_a_destination_without_owners_is_not_compared_by_them():
    keeps = Keeps(owners=False, time_grain_ns=100)
    found = CompareOptions.of(
        TaskOptions(), source_objects=False, destination_objects=False, keeps=keeps
    )
    assert found == CompareOptions(
        uid=False, gid=False, mode=False, fill_defaults=True, time_grain_ns=100
    )
    assert decide(file(), file(metadata=stated(mode=0o600, uid=1, gid=1)), found).reason == "Same"
    kept = wanted(file(), found).metadata
    assert kept == PosixMetadata(None, None, None, 0, META.atime_ns)


@pytest.mark.parametrize(
    ("ours_ns", "theirs_ns", "reason"),
    [
        (1_234, 1_200, "Same"),
        (1_299, 1_200, "Same"),
        (1_300, 1_200, "MtimeDiffers"),
        (1_199, 1_200, "MtimeDiffers"),
        (-1, -100, "Same"),
    ],
)
@pytest.mark.parametrize("kind", [file, folder])
def test_times_count_as_far_as_the_destination_keeps_them(kind, ours_ns, theirs_ns, reason):
    o = CompareOptions(time_grain_ns=100)
    source, there = (
        kind(metadata=stated(mtime_ns=time_ns), mtime_ns=time_ns)
        for time_ns in (ours_ns, theirs_ns)
    )
    if kind is folder and reason == "MtimeDiffers":
        reason = "MetadataDiffers"
    assert decide(source, there, o).reason == reason
