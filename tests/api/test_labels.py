"""What Kubernetes takes as a label's key and value, and what it refuses in a pod."""

import pytest
from pydantic import TypeAdapter, ValidationError

from datasync_api.labels import LabelKey, LabelMap, LabelValue

KEYS, VALUES, MAPS = TypeAdapter(LabelKey), TypeAdapter(LabelValue), TypeAdapter(LabelMap)
LONGEST = "a" * 63


def takes(judge: TypeAdapter[object], value: object) -> bool:
    try:
        judge.validate_python(value)
    except ValidationError:
        return False
    return True


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        *((key, True) for key in ("a", "A_b.c-9", LONGEST, "topology.kubernetes.io/zone", "a/B")),
        *((key, True) for key in (f"{'a' * 253}/{LONGEST}", "a-b.c-d/e")),
        *((key, False) for key in ("", "-a", "a-", ".a", "a b", "é", f"{LONGEST}a")),
        *(
            (key, False)
            for key in ("/a", "a/", "a/b/c", "A/b", "a_b/c", "a..b/c", "-a/b", "a.-b/c")
        ),
        *((key, False) for key in ("a\n", f"a/{LONGEST}a")),
    ],
)
def test_keys(key: str, expected: bool) -> None:
    assert takes(KEYS, key) is expected
    assert takes(MAPS, {"zone": "a", key: "b"}) is expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        *((value, True) for value in ("", "a", "A_b.c-9", LONGEST)),
        *((value, False) for value in ("-a", "a-", "my app!", "a/b", "é", "a\n", f"{LONGEST}a")),
    ],
)
def test_values(value: str, expected: bool) -> None:
    assert takes(VALUES, value) is expected
    assert takes(MAPS, {"zone": value}) is expected
