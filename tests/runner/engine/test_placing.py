"""How works are cut into batches: never more at once than the memory of a process allows for."""

from itertools import chain, pairwise

from hypothesis import given
from hypothesis import strategies as st

from datasync_runner.core.actions import Action
from datasync_runner.core.entry import Entry, Kind
from datasync_runner.core.parts import BATCH_BYTES, BATCH_FILES, SMALL_BYTES
from datasync_runner.engine.placing import batches_of
from datasync_runner.engine.work import Work

WORKS = st.lists(
    st.builds(
        lambda action, size, times: [Work(action, Entry(b"k", Kind.FILE, size))] * times,
        st.sampled_from([Action.COPY, Action.UPDATE_METADATA]),
        st.integers(0, 2 * SMALL_BYTES) | st.integers(0, 20),
        st.integers(1, 2 * BATCH_FILES),
    ),
    max_size=5,
).map(lambda several: list(chain(*several)))


def fits(batch):
    copied_bytes = sum(work.source.size_bytes for work in batch if work.action is Action.COPY)
    alone = len(batch) == 1
    return (
        len({work.action for work in batch}) == 1
        and len(batch) <= BATCH_FILES
        and (alone or (copied_bytes <= BATCH_BYTES and not any(work.large for work in batch)))
    )


@given(WORKS)
def test_batches_are_as_large_as_they_may_be_and_no_larger(works):
    batches = batches_of(works)
    assert list(chain(*batches)) == works
    assert all(map(fits, batches))
    assert not any(fits([*one, following[0]]) for one, following in pairwise(batches))
