"""File conditions as a task writes them: sizes, ages and times.

Only how they are written and what they amount to; the runner judges files by them.
"""

import math
import re
from datetime import datetime
from fractions import Fraction
from typing import Annotated, Final

from pydantic import AfterValidator, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from datasync_api.base import ApiModel, Rule
from datasync_api.text import INT_OR_STRING, cel_number_or, written_as

_SIZE: Final = r"[0-9]{1,15}(\.[0-9]{1,9})?(k|M|G|T|P|Ki|Mi|Gi|Ti|Pi)?"
_AGE: Final = "([0-9]{1,5}d)?([0-9]{1,5}h)?([0-9]{1,5}m)?([0-9]{1,5}s)?"
_TIME: Final = r"[0-9-]{10}[Tt][0-9:]{8}(\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})"
_UNIT_BYTES: Final = {
    "": 1,
    **{unit: 1000**power for power, unit in enumerate("kMGTP", 1)},
    **{f"{unit}i": 1024**power for power, unit in enumerate("KMGTP", 1)},
}
_UNIT_SECONDS: Final = {"d": 86_400, "h": 3600, "m": 60, "s": 1}


def size_bytes(size: int | str) -> int:
    """A size in bytes, rounded up, as Kubernetes rounds the value of a quantity.

    | size | bytes |
    |---|---|
    | 4096 | 4096 |
    | 10k | 10000 |
    | 1.5Ki | 1536 |
    """
    return math.ceil(_bytes(size))


def age_seconds(age: str) -> int:
    """An age in seconds.

    | age | seconds |
    |---|---|
    | 90s | 90 |
    | 1d12h | 129600 |
    """
    parts = re.findall("([0-9]+)([dhms])", age)
    return sum(int(number) * _UNIT_SECONDS[unit] for number, unit in parts)


def time_of(text: str) -> datetime:
    """A time of RFC 3339."""
    return datetime.fromisoformat(text.upper())


def _bytes(size: int | str) -> Fraction:
    text = str(size)
    number = text.rstrip("kKMGTPi")
    return Fraction(number) * _UNIT_BYTES[text[len(number) :]]


def _is_time(text: str) -> str:
    """Refuse what the API server refuses for the format `date-time`, in its words."""
    try:
        time_of(text)
    except ValueError:
        right = False
    else:
        right = re.fullmatch(_TIME, text) is not None
    if not right:
        message = "must be of type date-time: write it as RFC 3339 has it, 2026-01-31T00:00:00Z"
        raise PydanticCustomError("rule", "{text}", {"text": message})
    return text


Size = Annotated[
    int | str,
    INT_OR_STRING,
    Rule(
        cel=cel_number_or(_SIZE),
        message="is not a size: write the bytes, or a number with a unit, such as 64k or 1.5Gi",
        holds=lambda size: size >= 0 if isinstance(size, int) else bool(re.fullmatch(_SIZE, size)),
    ),
]
"""Bytes, or a Kubernetes quantity: `10Mi` is read more surely than 10485760, and it is how core
kinds (`sizeLimit`, `storage`) write sizes."""

Age = Annotated[
    str,
    Field(min_length=1, max_length=32),
    written_as(
        _AGE,
        "is not an age: write days, hours, minutes and seconds, in this order, as in 30d or 1h30m",
    ),
]
"""A duration as Kubernetes' Gateway API writes it (GEP-2257), and days, in which ages are told."""

Time = Annotated[
    str, WithJsonSchema({"type": "string", "format": "date-time"}), AfterValidator(_is_time)
]


def _cel_quantity(field: str) -> str:
    """The API server could not tell the cost of a number made into a text."""
    size = f"self.{field}"
    return f"(type({size}) == int ? quantity('0').add(int({size})) : quantity({size}))"


def _cel_seconds(field: str) -> str:
    """CEL's own durations know no days, and come behind them."""
    age = f"self.{field}"
    days = f"({age}.contains('d') ? int({age}.find('^[0-9]+')) : 0)"
    rest = f"({age}.endsWith('d') ? 0 : duration({age}.find('[^d]*$')).getSeconds())"
    return f"{days} * 86400 + {rest}"


def _both(one: str, other: str, relation: str) -> str:
    return f"!has(self.{one}) || !has(self.{other}) || {relation}"


class FileConditions(ApiModel):
    """Only files of such sizes and times take part, by what the source lists of them."""

    rules = (
        Rule(
            cel=_both(
                "minSize",
                "maxSize",
                f"{_cel_quantity('minSize')}.compareTo({_cel_quantity('maxSize')}) <= 0",
            ),
            message="is above maxSize, so that no file takes part: write a smaller minSize or a "
            "larger maxSize",
            field=".minSize",
            holds=lambda c: (
                c.min_size is None or c.max_size is None or _bytes(c.min_size) <= _bytes(c.max_size)
            ),
        ),
        Rule(
            cel=_both("minAge", "maxAge", f"{_cel_seconds('minAge')} <= {_cel_seconds('maxAge')}"),
            message="is above maxAge, so that no file takes part: write a smaller minAge or a "
            "larger maxAge",
            field=".minAge",
            holds=lambda c: (
                c.min_age is None
                or c.max_age is None
                or age_seconds(c.min_age) <= age_seconds(c.max_age)
            ),
        ),
        Rule(
            cel=_both(
                "modifiedAfter",
                "modifiedBefore",
                "timestamp(self.modifiedAfter) < timestamp(self.modifiedBefore)",
            ),
            message="is not before modifiedBefore, so that no file takes part: write an earlier "
            "modifiedAfter or a later modifiedBefore",
            field=".modifiedAfter",
            holds=lambda c: (
                c.modified_after is None
                or c.modified_before is None
                or time_of(c.modified_after) < time_of(c.modified_before)
            ),
        ),
    )

    min_size: Size | None = Field(
        default=None, description="The smallest size: bytes, or a quantity such as 64k or 1.5Gi."
    )
    max_size: Size | None = Field(default=None, description="The largest size.")
    min_age: Age | None = Field(
        default=None,
        description="Last modified at least so long before the run's start, for example 15m, 24h "
        "or 30d: what is still being written can wait.",
    )
    max_age: Age | None = Field(
        default=None, description="Last modified at most so long before the run's start."
    )
    modified_after: Time | None = Field(
        default=None, description="Last modified at this time or later, RFC 3339."
    )
    modified_before: Time | None = Field(
        default=None, description="Last modified before this time, RFC 3339."
    )
