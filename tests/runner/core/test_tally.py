"""The books: classes of failures, verdicts, the outcome."""

from datasync_api.report import MAX_FAILURE_CLASSES
from datasync_runner.core.tally import Tally


def fail(tally, stage, code, path="/a"):
    tally.fail(stage, code, path, message="why", hint="how")


def test_a_run_without_failures_has_no_error():
    tally = Tally()
    assert tally.run_error() is None
    assert tally.stage_status("verify", reached=True) == "Success"
    assert tally.stage_status("verify", reached=False) == "Pending"


def test_the_most_frequent_class_is_the_one_that_is_told():
    tally = Tally()
    fail(tally, "prepare", "Denied", "/denied")
    for number in range(2):
        fail(tally, "transfer", "Missing", f"/missing{number}")
    error = tally.run_error()
    assert error.code == "FilesFailed"
    assert error.detail.startswith("3 items failed; most often Missing (2), for example /missing0")
    assert [failure.count for failure in tally.failures()] == [2, 1]
    assert tally.counters().files_failed.total() == 3
    assert tally.stage_status("transfer", reached=True) == "Error"


def test_a_failed_deletion_is_an_error_of_the_transfer():
    tally = Tally()
    fail(tally, "delete", "Denied")
    assert tally.stage_status("transfer", reached=True) == "Error"


def test_classes_beyond_the_tenth_are_counted_together():
    tally = Tally()
    for number in range(MAX_FAILURE_CLASSES + 3):
        fail(tally, "transfer", f"Code{number:02}")
    failures = tally.failures()
    assert len(failures) == MAX_FAILURE_CLASSES
    assert failures[-1].code == "Other"
    assert sum(failure.count for failure in failures) == MAX_FAILURE_CLASSES + 3


def test_long_and_broken_names_fit_the_contract():
    tally = Tally()
    fail(tally, "transfer", "Denied", "/" + "\udcff" * 5000)
    sample = tally.failures()[0].sample_path
    assert len(sample) == 256
    sample.encode()
