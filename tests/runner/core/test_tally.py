"""The books: classes of failures, verdicts, the outcome."""

from hypothesis import given
from hypothesis import strategies as st

from datasync_api.report import MAX_FAILURE_CLASSES
from datasync_runner.core.tally import Tally


def fail(tally, stage, code, path="/a", what="file"):
    tally.fail(stage, code, path, message="why", hint="how", what=what)


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


COUNTERS = [name for name, count in vars(Tally()).items() if count == 0]
EVENTS = st.lists(
    st.tuples(st.sampled_from(COUNTERS), st.integers(0, 10**15))
    | st.tuples(st.just("size"), st.integers(0, 2**40))
    | st.tuples(
        st.sampled_from(["prepare", "transfer", "verify", "delete"]),
        st.sampled_from(["Denied", "Missing", "Full"]),
        st.sampled_from(["file", "folder", "listing"]),
    ),
    max_size=40,
)


def book(tally, events):
    for what, how_much, *kind in events:
        if what == "size":
            tally.count_size(how_much)
        elif isinstance(how_much, int):
            setattr(tally, what, getattr(tally, what) + how_much)
        else:
            fail(tally, what, how_much, f"/{what}", *kind)


def test_there_are_counters():
    assert "files_transferred" in COUNTERS
    assert len(COUNTERS) >= 15


@given(st.lists(EVENTS, max_size=5))
def test_books_that_were_kept_apart_add_up_to_one(parts):
    one, total = Tally(), Tally()
    for events in parts:
        book(one, events)
        own = Tally()
        book(own, events)
        total.add(own)
    assert total == one
    assert (total.counters(), total.failures()) == (one.counters(), one.failures())


@given(st.lists(EVENTS, max_size=5))
def test_what_is_taken_again_and_again_adds_up_and_is_taken_once(parts):
    one, total, kept = Tally(), Tally(), Tally()
    for events in parts:
        book(one, events)
        book(kept, events)
        total.add(kept.take())
        assert kept == Tally()
    assert total == one


@given(EVENTS, EVENTS)
def test_adding_leaves_the_books_of_the_other_as_they_were(ours, theirs):
    total, other, same = Tally(), Tally(), Tally()
    book(total, ours)
    book(other, theirs)
    book(same, theirs)
    total.add(other)
    book(total, theirs)
    assert other == same


def test_what_is_skipped_is_named_and_fails_nothing():
    tally = Tally()
    for number in range(3):
        tally.skip("Archived", f"/cold{number}", message="why", hint="how")
    tally.skip("Odd", "/odd", message="why", hint="how")
    assert tally.files_skipped == 4
    assert [(skip.code, skip.count) for skip in tally.skips()] == [("Archived", 3), ("Odd", 1)]
    assert tally.skips()[0].sample_path == "/cold0"
    assert (tally.failures(), tally.run_error(), tally.failure_count()) == ([], None, 0)
    assert tally.stage_status("transfer", reached=True) == "Success"
    total = Tally()
    total.add(tally.take())
    total.add(tally.take())
    assert [(skip.code, skip.count) for skip in total.skips()] == [("Archived", 3), ("Odd", 1)]
    assert tally == Tally()
