"""What S3 requests cost by Amazon's list prices, so that a dry run can say what a transfer would.

The prices are those of us-east-1, as in "Amazon S3 pricing, Requests and data retrievals" at the
end of 2024; other regions differ by some percent, and contracts by more.  Storage, retrieval of
archived bytes and traffic are not in it.  Self-managed object storage has no price.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Final, Literal, NamedTuple

from pydantic import Field

from datasync_api.base import ApiModel

BASIS: Final = "requests at Amazon S3 list prices of us-east-1, end of 2024"


class _Prices(NamedTuple):
    """US dollars for 1,000 requests."""

    puts: Decimal
    """PUT, COPY, POST, LIST."""
    gets: Decimal
    """GET, HEAD, and all others."""


_STANDARD: Final = _Prices(Decimal("0.005"), Decimal("0.0004"))
PRICES: Final[Mapping[str, _Prices]] = {
    "Standard": _STANDARD,
    "StandardIA": _Prices(Decimal("0.01"), Decimal("0.001")),
    "OneZoneIA": _Prices(Decimal("0.01"), Decimal("0.001")),
    "IntelligentTiering": _STANDARD,
    "GlacierInstantRetrieval": _Prices(Decimal("0.02"), Decimal("0.01")),
    "GlacierFlexibleRetrieval": _Prices(Decimal("0.03"), Decimal("0.0004")),
    "DeepArchive": _Prices(Decimal("0.05"), Decimal("0.0004")),
}
_FREE: Final = frozenset({"DeleteObject", "DeleteObjects", "AbortMultipartUpload"})
_LISTS: Final = frozenset({"ListObjectsV2", "ListMultipartUploads", "ListParts"})
"""They have one price, whatever class the objects are of."""
_WRITES: Final = frozenset(
    {
        *("PutObject", "CopyObject", "PutObjectTagging"),
        *("CreateMultipartUpload", "UploadPart", "UploadPartCopy", "CompleteMultipartUpload"),
    }
)


class EstimatedCost(ApiModel):
    """What the requests cost, if it is all that is paid."""

    amount: Annotated[str, Field(max_length=32)]
    """A decimal number, rounded up to a hundredth of a cent."""
    currency: Literal["USD"] = "USD"
    basis: Annotated[str, Field(max_length=128)] = BASIS


def estimated_cost(
    requests: Mapping[str, int], *, storage_class: str = "Standard"
) -> EstimatedCost | None:
    """The cost of requests to Amazon S3; None where there are none.

    `storage_class` is that of new objects, and what is read is taken to be of it too.

    | requests | class | amount |
    |---|---|---|
    | 10,000 PutObject | Standard | 0.0500 |
    | 10,000 PutObject | DeepArchive | 0.5000 |
    | 1,000 HeadObject | Standard | 0.0004 |
    | 1,000,000 DeleteObjects | any | 0.0000 |
    | 1 ListObjectsV2 | any | 0.0001 |
    """
    if not requests:
        return None
    prices = PRICES.get(storage_class, _STANDARD)
    total = Decimal(0)
    for operation, count in requests.items():
        if operation in _FREE:
            continue
        if operation in _LISTS:
            total += count * _STANDARD.puts
        else:
            total += count * (prices.puts if operation in _WRITES else prices.gets)
    amount = (total / 1000).quantize(Decimal("0.0001"), rounding="ROUND_UP")
    return EstimatedCost(amount=str(amount))
