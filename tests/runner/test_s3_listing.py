"""Listing a bucket: whole, sorted, with the folders that keys imply, from whatever server."""

import asyncio
import hashlib
import random
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasync_api.patterns import Filter
from datasync_api.sides import S3Side
from datasync_runner.core.entry import UNSTAMPED, Entry, Kind
from datasync_runner.storage import errors
from datasync_runner.storage.s3 import folders, ranges
from datasync_runner.storage.s3.entries import entries_of, stamp
from datasync_runner.storage.s3.listing import Listing
from datasync_runner.storage.s3.page_stream import ListAnswer, ListRequest
from datasync_runner.storage.s3.pages import Page
from fakes.filters import choose
from fakes.listing import Bucket, Item, by_bytes, by_folder, other_object

SIDE = S3Side(uri="s3://example/p/", bucket="example", prefix="p/", region="eu-central-1")
NOON_NS = 1_795_435_200 * 10**9
EVERYTHING = Filter((), ())


async def listed(bucket: Bucket, *, chosen: Filter = EVERYTHING) -> list[Entry]:
    clock = asyncio.get_running_loop().time if bucket.latency_seconds else lambda: 0.0
    batches = Listing(bucket.fetch, SIDE, chosen, clock=clock).batches()
    return [entry async for batch in batches for entry in batch.entries]


def below(keys: Iterable[str], **more: object) -> Bucket:
    return Bucket([f"p/{key}" for key in keys], **more)  # type: ignore[arg-type]


def seaweed(keys: Iterable[str], *, page_size: int = 1000) -> Bucket:
    return below(
        keys, page_size=page_size, order=by_folder, server="seaweedfs s3 4.48", write=other_object
    )


def expected(keys: Iterable[str]) -> list[tuple[bytes, bool]]:
    """Each key, and whether it is an implied folder: by the definition, not by the algorithm."""
    told = {key.encode() for key in keys if key}
    implied: set[bytes] = set()
    for key in told:
        parts = key.split(b"/")[:-1] if not key.endswith(b"/") else key[:-1].split(b"/")[:-1]
        for depth in range(1, len(parts) + 1):
            if not set(parts[:depth]) & {b"", b".", b".."}:
                implied.add(b"/".join(parts[:depth]) + b"/")
    return sorted([(key, False) for key in told] + [(key, True) for key in implied - told])


def shape(found: list[Entry]) -> list[tuple[bytes, bool]]:
    return [(entry.key, entry.implied) for entry in found]


KEYS = st.sets(st.text("ab/-.é \n%+", max_size=7), max_size=40)
TREES = st.sets(st.text("ab/-", min_size=1, max_size=6).filter(lambda k: "//" not in f"/{k}"))


@pytest.mark.parametrize("page_size", [1, 2, 1000])
async def test_pages_are_one_stream_with_the_folders_that_keys_imply(page_size: int) -> None:
    found = await listed(below(["", "a-b", "a/", "a/x", "b/c/d", "b/e", "z"], page_size=page_size))
    assert [(entry.key, entry.kind, entry.implied) for entry in found] == [
        (b"a-b", Kind.FILE, False),
        (b"a/", Kind.FOLDER, False),
        (b"a/x", Kind.FILE, False),
        (b"b/", Kind.FOLDER, True),
        (b"b/c/", Kind.FOLDER, True),
        (b"b/c/d", Kind.FILE, False),
        (b"b/e", Kind.FILE, False),
        (b"z", Kind.FILE, False),
    ]
    told = {"etag": f'"{5:032x}"', "changed_ns": NOON_NS, "storage_class": "STANDARD"}
    assert found[0] == Entry(b"a-b", Kind.FILE, 5, NOON_NS, **told)
    assert found[1] == Entry(b"a/", Kind.FOLDER, 5, NOON_NS, **told)


@pytest.mark.parametrize(
    ("mtime_ns", "etag", "changed_ns"),
    [(NOON_NS, '"0f"', NOON_NS), (NOON_NS, '"0f-2"', UNSTAMPED), (0, '"0f"', UNSTAMPED)],
    ids=["whole", "in parts", "no time"],
)
def test_an_objects_stamp(mtime_ns: int, etag: str, changed_ns: int) -> None:
    assert stamp(mtime_ns, etag) == changed_ns
    page = Page([b"a", b"b"], [NOON_NS, mtime_ns], ['"1"', etag], [1, 1], ["STANDARD"] * 2, [])
    assert [entry.changed_ns for entry in entries_of(page, 0)] == [NOON_NS, changed_ns]


async def test_an_empty_bucket_lists_nothing() -> None:
    assert await listed(below([])) == []


@pytest.mark.parametrize("make", [below, seaweed])
@pytest.mark.parametrize(
    "key", ["with space", "a+b", "100%", "ümlaut/日本", "new\nline", "q?&=#<>'\"", "\x01\x7f", "\0"]
)
async def test_odd_keys_come_as_they_are(make: type[Bucket], key: str) -> None:
    assert (await listed(make([key])))[-1].key == key.encode()


@pytest.mark.parametrize(
    "excludes, keys",
    [
        (["*.tmp"], [b"a/", b"a/c.txt", b"d/"]),
        (["/d"], [b"a/", b"a/b.tmp", b"a/c.txt"]),
        ([], [b"a/", b"a/b.tmp", b"a/c.txt", b"d/", b"d/e.tmp"]),
    ],
)
@pytest.mark.parametrize("make", [below, seaweed])
async def test_filters_apply(make: type[Bucket], excludes: list[str], keys: list[bytes]) -> None:
    bucket = make(["a/b.tmp", "a/c.txt", "d/e.tmp", ".zfs/x"])
    found = await listed(bucket, chosen=choose([], excludes))
    assert [entry.key for entry in found] == keys


async def test_folders_in_which_nothing_takes_part_are_not_asked_for() -> None:
    bucket = seaweed(["a/x", "b/y/z", "b/w"])
    found = await listed(bucket, chosen=choose(["/b/y"]))
    assert [entry.key for entry in found] == [b"b/y/", b"b/y/z"]
    assert "p/a/" not in {request.prefix for request in bucket.requests}


INSIDE = [
    # includes, language, the only prefix that is asked for
    (["/b/y"], "SimplePattern", "p/b/y"),
    (["/b/y*|/b/w"], "SimplePattern", "p/b/"),
    (["/b/y|/a"], "SimplePattern", "p/"),
    (["/b/{y,w}/*"], "Glob", "p/b/"),
    (["/b/**/z"], "Glob", "p/b/"),
    (["z"], "Glob", "p/"),
    (["/b/" + "long" * 300], "SimplePattern", "p/"),
]


@pytest.mark.parametrize(("includes", "language", "prefix"), INSIDE)
async def test_a_flat_listing_asks_only_for_what_includes_begin_with(
    includes: list[str], language: str, prefix: str
) -> None:
    bucket = below(["a/x", "b/y/z", "b/w", "b/z", "c"], page_size=1)
    everything = await listed(bucket)
    bucket.requests.clear()
    chosen = choose(includes, language=language)
    found = await listed(bucket, chosen=chosen)
    assert found == [e for e in everything if chosen.matches("/" + e.key.decode())]
    assert {request.prefix for request in bucket.requests} == {prefix}


async def test_a_server_that_turns_out_unsorted_stops_the_run() -> None:
    bucket = below(["b", "c", "a", "d"], page_size=2, order=lambda key: "bcad".index(key[-1]))
    with pytest.raises(errors.ConfigurationInvalid, match=r"out of order.*p/a.*after.*p/c"):
        await listed(bucket)


async def test_a_server_that_ignores_the_prefix_stops_the_run() -> None:
    bucket = below(["a"])

    async def fetch(request: ListRequest) -> ListAnswer:
        return await bucket.fetch(ListRequest(""))

    bucket.keys.append("q")
    with pytest.raises(errors.ConfigurationInvalid, match="outside of the prefix"):
        async for _ in Listing(fetch, SIDE, EVERYTHING).batches():
            pass


async def test_the_next_page_is_asked_for_before_the_page_is_used() -> None:
    bucket = below("abcdefgh", page_size=2)
    batches = Listing(bucket.fetch, SIDE, EVERYTHING).batches()
    async for batch in batches:
        if batch.entries[0].key == b"c":
            break
    assert len(bucket.requests) > 2
    await batches.aclose()
    assert bucket.in_flight == 0


@pytest.mark.parametrize("number", [0, 1, 2])
@pytest.mark.parametrize("make", [below, seaweed])
async def test_a_damaged_page_is_asked_for_again(make: type[Bucket], number: int) -> None:
    bucket = make("abcdef", page_size=2)  # type: ignore[call-arg]
    bucket.damaged = {number: lambda body: body[:-20]}
    assert [entry.key.decode() for entry in await listed(bucket)] == list("abcdef")


@pytest.mark.parametrize("make", [below, seaweed])
async def test_a_page_that_stays_damaged_is_an_error(make: type[Bucket]) -> None:
    bucket = make("abcdef", page_size=2)  # type: ignore[call-arg]
    bucket.damaged = {number: lambda body: body[:-20] for number in range(2, 20)}
    with pytest.raises(errors.Unavailable, match="cut off"):
        await listed(bucket)


async def test_a_page_that_names_itself_as_the_next_is_an_error() -> None:
    bucket = below("abcdef", page_size=2)

    async def fetch(request: ListRequest) -> ListAnswer:
        again = "Mg=="
        return await bucket.fetch(request._replace(token=again if request.token else ""))

    with pytest.raises((errors.Unavailable, errors.ConfigurationInvalid)):
        async for _ in Listing(fetch, SIDE, EVERYTHING).batches():
            pass


@given(KEYS, st.integers(1, 7))
async def test_any_bucket_is_listed_sorted_and_whole(keys: set[str], page_size: int) -> None:
    assert shape(await listed(below(keys, page_size=page_size))) == expected(keys)


@given(TREES, st.integers(1, 7))
async def test_any_bucket_is_listed_folder_by_folder(keys: set[str], page_size: int) -> None:
    bucket = seaweed(keys, page_size=page_size)
    assert shape(await listed(bucket)) == expected(keys)
    assert bucket.most_in_flight <= folders.REQUESTS


async def test_sibling_folders_are_asked_for_ahead() -> None:
    bucket = seaweed([f"{folder:02d}/x" for folder in range(30)])
    await listed(bucket)
    assert bucket.most_in_flight == folders.REQUESTS


@pytest.mark.parametrize("order", [by_bytes, by_folder])
async def test_a_folder_with_too_many_names_is_sorted_on_disk(
    monkeypatch: pytest.MonkeyPatch, order: object
) -> None:
    monkeypatch.setattr(folders, "MAX_NAMES", 10)
    monkeypatch.setattr(folders, "BLOCK", 7)
    keys = {
        f"{'a' if n % 3 else 'a-'}{n * 7919 % 1009}{'/x' if n % 5 == 0 else ''}" for n in range(200)
    }
    keys |= {"zero\0", "zero", "zero\0one", "100/", "100/x"}
    bucket = Bucket([f"p/{k}" for k in keys], page_size=9, order=order, server="seaweedfs")  # type: ignore[arg-type]
    found = await listed(bucket)
    assert shape(found) == expected(keys)
    assert next(e for e in found if e.key == b"zero").etag == f'"{5:032x}"'


def test_the_fake_rolls_keys_up_to_prefixes() -> None:
    assert Bucket(["a", "b/x", "b/y"])._below("", "/") == [Item("a"), Item("b/", prefix=True)]


SLOW = 0.02
HEXES = [hashlib.md5(str(n).encode()).hexdigest() for n in range(3000)]
NAMES = ["anna", "bert", "berta", "chris", "dora", "zoe"]
SHAPES = {
    "one folder of numbered files": [f"data/{n:07d}.bin" for n in range(5000)],
    "numbers without zeros": [f"file-{n}" for n in range(5000)],
    "hexadecimal names": HEXES,
    "folders of hexadecimal names": [
        f"c/{h}/orders/{n}.json" for h in HEXES[:500] for n in range(6)
    ],
    "days": [f"logs/2026/{n % 12 + 1:02d}/{n // 12 % 28 + 1:02d}/{n:05d}.gz" for n in range(4000)],
    "folders of unequal size": [
        f"photos/{name}/IMG_{n:05d}.jpg"
        for at, name in enumerate(NAMES)
        for n in range(30 * 4**at // 8)
    ],
}


@pytest.mark.looptime
@pytest.mark.parametrize("shape_of_bucket", SHAPES)
async def test_slow_pages_are_listed_by_several_requests_at_once(shape_of_bucket: str) -> None:
    keys = SHAPES[shape_of_bucket]
    bucket = below(keys, page_size=25, latency_seconds=SLOW)
    began = asyncio.get_running_loop().time()
    found = await listed(bucket)
    took = asyncio.get_running_loop().time() - began
    page_count = len(keys) / 25
    assert shape(found) == expected(keys)
    assert bucket.most_in_flight == ranges.REQUESTS
    assert took < page_count * SLOW / 2.5
    assert len(bucket.requests) < page_count * 1.75


@pytest.mark.looptime
async def test_quick_pages_are_listed_one_after_the_other() -> None:
    bucket = below(SHAPES["days"], page_size=25, latency_seconds=0.001)
    await listed(bucket)
    assert bucket.most_in_flight == 1
    assert len(bucket.requests) == 4000 / 25


@pytest.mark.looptime
async def test_a_server_that_cannot_begin_at_a_key_is_listed_page_by_page() -> None:
    bucket = below("abcdefgh", page_size=2, latency_seconds=SLOW)

    async def fetch(request: ListRequest) -> ListAnswer:
        return await bucket.fetch(request._replace(start_after=""))

    clock = asyncio.get_running_loop().time
    batches = Listing(fetch, SIDE, EVERYTHING, clock=clock).batches()
    keys = [entry.key.decode() async for batch in batches for entry in batch.entries]
    assert keys == list("abcdefgh")


@pytest.mark.looptime
async def test_ranges_that_nobody_takes_wait() -> None:
    bucket = below(SHAPES["one folder of numbered files"], page_size=10, latency_seconds=SLOW)
    batches = Listing(
        bucket.fetch, SIDE, EVERYTHING, clock=asyncio.get_running_loop().time
    ).batches()
    for _ in range(4):
        await anext(batches)
        await asyncio.sleep(100)
    assert len(bucket.requests) < 4 + ranges.MAX_PAGES
    await batches.aclose()
    assert bucket.in_flight == 0


@pytest.mark.looptime
async def test_an_error_in_any_range_ends_the_listing() -> None:
    bucket = below(SHAPES["days"], page_size=25, latency_seconds=SLOW)

    async def fetch(request: ListRequest) -> ListAnswer:
        if len(bucket.requests) == 40:
            raise errors.CredentialsRefused("expired")
        return await bucket.fetch(request)

    with pytest.raises(errors.CredentialsRefused):
        async for _ in Listing(
            fetch, SIDE, EVERYTHING, clock=asyncio.get_running_loop().time
        ).batches():
            pass
    assert bucket.in_flight == 0


ODD_KEYS = st.sets(
    st.text(st.sampled_from("ab09/-.é\u00ff\U0010ffff \n\0%+"), max_size=9)
    | st.integers(0, 10**6).map(lambda n: f"n/{n}")
    | st.integers(0, 2**64).map(lambda n: f"{n:x}"),
    max_size=300,
)


@pytest.mark.looptime
@given(ODD_KEYS, st.integers(1, 9), st.integers(0, 10**9))
async def test_ranges_neither_lose_nor_double_a_key(
    keys: set[str], page_size: int, seed: int
) -> None:
    """Whatever the keys, the sizes of pages, and the order in which answers come."""
    chance = random.Random(seed)
    bucket = below(keys, page_size=page_size, latency_seconds=SLOW)

    async def fetch(request: ListRequest) -> ListAnswer:
        await asyncio.sleep(chance.random())
        return await bucket.fetch(request)

    clock = asyncio.get_running_loop().time
    found: list[Entry] = []
    async for batch in Listing(fetch, SIDE, EVERYTHING, clock=clock).batches():
        found += batch.entries
        await asyncio.sleep(chance.choice([0, 0, 0.5]))
    assert shape(found) == expected(keys)
    assert bucket.most_in_flight <= ranges.REQUESTS
