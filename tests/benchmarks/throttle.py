"""Whether a run keeps to its rate, as the server sees it: constant, and changed while it goes.

Files are small beside what a second brings, because the server counts a body when it has all of it.
"""

import json
import subprocess
import threading
import time
import urllib.request
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from sys import executable
from typing import Any

from benchmarks.check import check
from benchmarks.data import Tree
from benchmarks.figures import Limit
from benchmarks.measure import Command, WrongRun
from benchmarks.places import Bucket, Folder, Place
from benchmarks.stage import Stage
from datasync_api.plan import Exchange, ExecutionIdentity, TransferPlan
from datasync_api.report import ExchangeRequest
from datasync_api.sides import PosixSide, S3Side
from datasync_api.task_options import TaskOptions

RATE, SLOW, FAST = 20_000_000, 10_000_000, 30_000_000
"""Bytes per second."""
WINDOW_SECONDS, SETTLE_SECONDS = 10.0, 1.0
WITHIN_PERCENT = 5.0
_FILE_BYTES = 100_000
_PATIENCE_SECONDS = 60.0
_POLL_SECONDS = 0.01
_UID = "throttle"


def throttle(stage: Stage, *, tell: Callable[[str], None]) -> list[Limit]:
    """Both directions.

    Raises: WrongRun when a run fails, or ends before its rate could be measured.
    """
    found: list[Limit] = []
    for way, counter in (("up", "bytes_in"), ("down", "bytes_out")):
        steady = _run(stage, way, counter, seconds=13, rates=(RATE,))
        changed = _run(stage, way, counter, seconds=12.5, rates=(SLOW, FAST))
        for wanted, rate, how in (
            (RATE, steady[0], "held to"),
            (SLOW, changed[0], "held to"),
            (FAST, changed[1], "changed while it runs to"),
        ):
            tell(f"{way}, {how} {wanted / 1e6:g} MB/s: {rate / 1e6:.2f} MB/s")
            what = f"{way}, {how} {wanted / 1e6:g} MB/s: {rate / 1e6:.2f} MB/s, off by"
            found.append(Limit(what, 100 * abs(rate / wanted - 1), "%", WITHIN_PERCENT))
    return found


def _run(
    stage: Stage, way: str, counter: str, *, seconds: float, rates: tuple[int, ...]
) -> list[float]:
    """One run at these rates in turn, with data for so many seconds of each; what the server saw."""
    tree = Tree(int(sum(rates) * seconds) // _FILE_BYTES, _FILE_BYTES, 10)
    server = stage.server()
    bucket = Bucket.of(server, "bench1")
    if way == "up":
        stage.empty(bucket)
        ends: tuple[Place, Place] = Folder(stage.tree(tree)), bucket
    else:
        stage.fill(tree, bucket)
        ends = bucket, stage.folder("destination")
    stage.zero()
    seen: list[float] = []
    with _started(stage.scratch, ends, rates[0]) as pace:
        for number, rate in enumerate(rates):
            if number:
                pace(rate)
            _until_more(server, counter)
            time.sleep(SETTLE_SECONDS)
            seen.append(_rate(server, counter))
    check(tree, stage.tree(tree), ends[1])
    return seen


def _until_more(server: Any, counter: str) -> None:
    """Wait for the next body; listings are a few hundred kilobytes and come before."""
    before, until = server.stats()[counter], time.monotonic() + _PATIENCE_SECONDS
    while server.stats()[counter] < before + 10 * _FILE_BYTES:
        if time.monotonic() > until:
            raise WrongRun("nothing more is transferred")
        time.sleep(_POLL_SECONDS)


def _rate(server: Any, counter: str) -> float:
    began, first = time.monotonic(), server.stats()[counter]
    time.sleep(WINDOW_SECONDS)
    last, ended = server.stats()[counter], time.monotonic()
    return (last - first) / (ended - began)


@contextmanager
def _started(
    scratch: Path, ends: tuple[Place, Place], rate: int
) -> Generator[Callable[[int], None]]:
    """A runner at that rate, and what changes it; at the end it must succeed."""
    token, plan = scratch / "token", scratch / "plan.json"
    token.write_text("throttle-token")
    source, destination = (_side(scratch, name, end) for name, end in zip("sd", ends, strict=True))
    told = TransferPlan(
        execution=ExecutionIdentity(namespace="bench", name="throttle", uid=_UID),
        source=source,
        destination=destination,
        options=TaskOptions(bytes_per_second=rate),
        exchange=Exchange(host="127.0.0.1", port=0, token_path=str(token)),
    )
    plan.write_text(told.text())
    result = scratch / "result.json"
    command = Command(
        (executable, "-m", "datasync_runner", "--plan", str(plan), "--result", str(result))
    )
    process = subprocess.Popen(
        command.argv, stdout=subprocess.PIPE, text=True, env=command.full_environment()
    )
    assert process.stdout
    try:
        said: dict[str, Any] = json.loads(process.stdout.readline() or "{}")
        if said.get("event") != "exchange":
            raise WrongRun(f"the runner does not listen: {said}")
        port: int = said["port"]
        words: list[str] = []
        reading = threading.Thread(target=lambda: words.extend(process.stdout or ()))
        reading.start()
        yield lambda rate: _pace(port, token.read_text(), rate)
        if process.wait(_PATIENCE_SECONDS):
            reading.join()
            raise WrongRun(f"exit code {process.returncode}: {''.join(words)[-600:]}")
        reading.join()
        outcome = json.loads(result.read_text())["outcome"]
        if outcome != "Success":
            raise WrongRun(f"{outcome}: {''.join(words)[-600:]}")
    except subprocess.TimeoutExpired:
        raise WrongRun("the runner does not end") from None
    finally:
        process.kill()
        process.wait()


def _pace(port: int, token: str, rate: int) -> None:
    asked = ExchangeRequest(execution_uid=_UID, bytes_per_second=rate)
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/v1/exchange",
        asked.model_dump_json(by_alias=True).encode(),
        {"Authorization": f"Bearer {token}"},
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=10) as answer:
        answer.read()


def _side(scratch: Path, name: str, place: Place) -> PosixSide | S3Side:
    if isinstance(place, Folder):
        return PosixSide(uri=f"nfs://bench{place.path}/", root=str(place.path))
    assert isinstance(place, Bucket)
    keys = scratch / f"keys-{name}"
    keys.mkdir(exist_ok=True)
    (keys / "AWS_ACCESS_KEY_ID").write_text(place.access_key)
    (keys / "AWS_SECRET_ACCESS_KEY").write_text(place.secret_key)
    return S3Side(
        uri=f"s3://{place.name}/",
        bucket=place.name,
        region=place.region,
        endpoint=place.endpoint,
        addressing_style="Path",
        credentials_path=str(keys),
        payload_signing="Never",
    )
