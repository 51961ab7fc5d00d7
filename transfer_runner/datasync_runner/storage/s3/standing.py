"""What every request to a side says beside itself: whose bucket it must be, and who pays."""

from datasync_api.sides import S3Side

_PAYER = ("x-amz-request-payer", "requester")


def standing_headers(side: S3Side) -> list[tuple[str, str]]:
    """The headers of every request to the side's bucket; nearly always none."""
    found: list[tuple[str, str]] = []
    if side.expected_bucket_owner is not None:
        found.append(("x-amz-expected-bucket-owner", side.expected_bucket_owner))
    if side.requester_pays:
        found.append(_PAYER)
    return found


def reading_headers(source: S3Side, destination: S3Side) -> list[tuple[str, str]]:
    """What a copy inside S3 says of its source, beside the destination's own headers.

    | source | destination | headers |
    |---|---|---|
    | owner | | x-amz-source-expected-bucket-owner |
    | pays | | x-amz-request-payer |
    | pays | pays | (stands already) |
    """
    found: list[tuple[str, str]] = []
    if source.expected_bucket_owner is not None:
        found.append(("x-amz-source-expected-bucket-owner", source.expected_bucket_owner))
    if source.requester_pays and not destination.requester_pays:
        found.append(_PAYER)
    return found
