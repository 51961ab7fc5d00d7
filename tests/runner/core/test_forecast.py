"""What a transfer would ask of S3: the table of `for_file`, and what comes at the end."""

import pytest

from datasync_runner.core.actions import Action
from datasync_runner.core.forecast import Ends, for_duplicate, for_file, for_the_end
from datasync_runner.core.parts import MIB

FILES, TO_S3 = Ends(False, False, copies=False), Ends(False, True, copies=False)
FROM_S3, ACROSS = Ends(True, False, copies=False), Ends(True, True, copies=False)
INSIDE = Ends(True, True, copies=True)
TAGS_ACROSS, TAGS_INSIDE = ACROSS._replace(tags=True), INSIDE._replace(tags=True)
COPY, UPDATE = Action.COPY, Action.UPDATE_METADATA
UPLOAD = {"ListMultipartUploads": 1, "CreateMultipartUpload": 1, "CompleteMultipartUpload": 1}


@pytest.mark.parametrize(
    ("action", "size", "ends", "expected"),
    [
        (COPY, 5, FILES, {}),
        (UPDATE, 5, FILES, {}),
        (COPY, 0, TO_S3, {"PutObject": 1}),
        (COPY, 16 * MIB, TO_S3, {"PutObject": 1}),
        (COPY, 16 * MIB + 1, TO_S3, {**UPLOAD, "UploadPart": 2}),
        (COPY, 100 * MIB, TO_S3, {**UPLOAD, "UploadPart": 7}),
        (COPY, 0, FROM_S3, {"GetObject": 1}),
        (COPY, 8 * MIB, FROM_S3, {"GetObject": 1}),
        (COPY, 8 * MIB + 1, FROM_S3, {"HeadObject": 1, "GetObject": 2}),
        (COPY, 100 * MIB, FROM_S3, {"HeadObject": 1, "GetObject": 13}),
        (COPY, 5, ACROSS, {"GetObject": 1, "PutObject": 1}),
        (COPY, 16 * MIB, ACROSS, {"HeadObject": 1, "GetObject": 2, "PutObject": 1}),
        (
            COPY,
            17 * MIB,
            ACROSS,
            {**UPLOAD, "HeadObject": 1, "GetObject": 2, "UploadPart": 2},
        ),
        (COPY, 1024 * MIB, INSIDE, {"CopyObject": 1}),
        (COPY, 1025 * MIB, INSIDE, {**UPLOAD, "HeadObject": 2, "UploadPartCopy": 65}),
        (COPY, 5, TAGS_ACROSS, {"GetObject": 1, "PutObject": 1, "GetObjectTagging": 1}),
        (COPY, 1024 * MIB, TAGS_INSIDE, {"CopyObject": 1}),
        (
            COPY,
            1025 * MIB,
            TAGS_INSIDE,
            {**UPLOAD, "HeadObject": 2, "UploadPartCopy": 65, "GetObjectTagging": 1},
        ),
        (UPDATE, 5, TAGS_ACROSS, {"CopyObject": 1}),
        (UPDATE, 5, FROM_S3, {}),
        (UPDATE, 5, TO_S3, {"HeadObject": 1, "CopyObject": 1}),
        (UPDATE, 5, ACROSS, {"CopyObject": 1}),
    ],
)
def test_for_file(action, size, ends, expected):
    assert for_file(action, size, ends) == expected


@pytest.mark.parametrize(
    ("size", "there", "expected"),
    [
        (0, "", {"CopyObject": 1}),
        (1024 * MIB, "", {"CopyObject": 1}),
        (1024 * MIB, '"whole"', {"CopyObject": 1}),
        (1024 * MIB, '"parts-2"', {"HeadObject": 1, "CopyObject": 1}),
        (1024 * MIB + 1, "", {**UPLOAD, "HeadObject": 1, "UploadPartCopy": 65}),
        (2048 * MIB, "", {**UPLOAD, "HeadObject": 1, "UploadPartCopy": 128}),
        (2048 * MIB, '"parts-2"', {**UPLOAD, "HeadObject": 2, "UploadPartCopy": 128}),
        (2048 * MIB, '"whole"', {**UPLOAD, "HeadObject": 2, "UploadPartCopy": 128}),
    ],
)
def test_for_duplicate(size, there, expected):
    assert for_duplicate(size, there=there) == expected


@pytest.mark.parametrize(
    ("ends", "folders", "deletions", "expected"),
    [
        (FILES, 5, 5, {}),
        (FROM_S3, 5, 5, {}),
        (TO_S3, 0, 0, {}),
        (TO_S3, 3, 0, {"PutObject": 3}),
        (TO_S3, 0, 1000, {"DeleteObjects": 1}),
        (INSIDE, 3, 1001, {"PutObject": 3, "DeleteObjects": 2}),
    ],
)
def test_for_the_end(ends, folders, deletions, expected):
    assert for_the_end(folders, deletions, ends) == expected
