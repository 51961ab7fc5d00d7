"""What a run has proven is kept for the next one of the same task, and for no other."""

import json
from pathlib import Path
from typing import Any

import pytest

from cli.test_run import BUCKET, CA, NAS, SECRET, Setup, task
from datasync_api.baseline import Baseline, moment
from datasync_api.sides import PosixSide, S3Side
from datasync_cli.baselines import Kept
from datasync_cli.issues import UsageError

BASELINE = Baseline(recipe="0" * 64, source_time=moment(1_000), destination_time=moment(2_000))
NAS_SIDE = PosixSide(uri="nfs://nas/export/", root="/mnt")
BUCKET_SIDE = S3Side(uri="s3://mirror/", bucket="mirror", region="r")


@pytest.fixture
def setup(tmp_path: Path) -> Setup:
    made = Setup(tmp_path)
    made.write(SECRET, CA, NAS, BUCKET, task())
    return made


def planned(setup: Setup) -> Any:
    return setup.seen()["plan"].get("baseline")


def kept(option: str | None = None, **changes: Any) -> Kept:
    usual: dict[str, Any] = {
        "namespace": "default",
        "task": "mirror",
        "sides": (NAS_SIDE, BUCKET_SIDE),
    }
    return Kept.by(option, **{**usual, **changes})


def test_the_next_run_is_given_what_the_last_one_proved(setup: Setup, state_home: Path) -> None:
    assert setup.run().code == 0
    assert planned(setup) is None
    [file] = (state_home / "datasync" / "baselines").iterdir()
    assert file.name.startswith("mirror.") and file.stat().st_mode & 0o777 == 0o600
    assert setup.run().code == 0
    assert planned(setup)["recipe"] == Baseline.model_validate_json(file.read_bytes()).recipe


@pytest.mark.parametrize("behaviour", ["files-failed", "credentials", "no-result", "crash"])
def test_a_run_that_failed_moves_nothing(setup: Setup, behaviour: str) -> None:
    file = setup.tree.parent / "baseline.json"
    file.write_text(BASELINE.model_dump_json(by_alias=True))
    assert setup.run("--baseline", str(file), behaviour=behaviour).code == 1
    assert Baseline.model_validate_json(file.read_bytes()) == BASELINE
    assert planned(setup) == json.loads(BASELINE.model_dump_json(by_alias=True))


def test_none_keeps_and_uses_none(setup: Setup, state_home: Path) -> None:
    assert setup.run("--baseline", "none").code == 0
    assert not state_home.exists()


def test_state_that_a_run_would_overwrite_or_delete_is_not_kept(
    setup: Setup, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where a bucket is restored into a home."""
    monkeypatch.setenv("XDG_STATE_HOME", str(setup.tree / "state"))
    setup.write(SECRET, CA, NAS, BUCKET, task(source="bucket", destination="nas"))
    answer = setup.run()
    assert answer.code == 0, answer.err
    state = setup.tree / "state" / "datasync" / "baselines"
    assert f"no baseline is kept in {state}, for it is inside of {setup.tree}" in answer.err
    assert list(setup.tree.iterdir()) == []


def test_state_in_a_source_is_kept(setup: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
    """As where a home is saved to a bucket: a small file more, not a request for each object."""
    monkeypatch.setenv("XDG_STATE_HOME", str(setup.tree / "state"))
    assert "baseline" not in setup.run().err
    assert setup.run().code == 0
    assert planned(setup) is not None


def test_a_file_that_is_no_baseline_is_refused(setup: Setup) -> None:
    file = setup.tree.parent / "other.json"
    file.write_text("{}")
    answer = setup.run("--baseline", str(file))
    assert answer.code == 2
    assert f"--baseline {file}: it is no baseline; name another file, or remove" in answer.err
    assert not setup.seen_file.exists()


def test_state_that_cannot_be_kept_is_told_and_stops_nothing(setup: Setup) -> None:
    blocked = setup.tree.parent / "file"
    blocked.touch()
    answer = setup.run(XDG_STATE_HOME=str(blocked))
    assert answer.code == 0
    assert "the baseline could not be kept in" in answer.err


@pytest.mark.parametrize(
    "other",
    [
        {"task": "other"},
        {"namespace": "other"},
        {"sides": (NAS_SIDE, BUCKET_SIDE.model_copy(update={"uri": "s3://other/"}))},
        {"sides": (NAS_SIDE.model_copy(update={"root": "/other"}), BUCKET_SIDE)},
    ],
    ids=["another task", "another namespace", "another bucket", "another mount"],
)
def test_each_task_between_each_two_places_has_its_own(other: dict[str, Any]) -> None:
    kept().save(BASELINE)
    assert kept().load() == BASELINE
    assert kept(**other).load() is None


def test_a_broken_file_among_the_state_is_as_none(state_home: Path) -> None:
    kept().save(BASELINE)
    [file] = (state_home / "datasync" / "baselines").iterdir()
    file.write_text("{")
    assert kept().load() is None
    kept().save(BASELINE)
    assert kept().load() == BASELINE


def test_a_named_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="Is a directory"):
        kept(str(tmp_path)).load()
