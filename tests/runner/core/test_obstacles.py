"""Which names have to wait for a file that goes."""

from hypothesis import given
from hypothesis import strategies as st

from datasync_runner.core.obstacles import Obstacles


def test_the_docstrings_table():
    waits = {b"a/b": True, b"a/b/c": True, b"a-b": False, b"ab": False, b"b": False}
    for key, expected in waits.items():
        obstacles = Obstacles()
        obstacles.add(b"a")
        assert obstacles.before(key) is expected, key


keys = st.lists(st.text("a/-0", min_size=1, max_size=5).map(str.encode), unique=True, max_size=12)


@given(keys, st.data())
def test_exactly_what_lies_in_a_folder_of_the_name(names, data):
    goes = data.draw(st.sets(st.sampled_from(names)) if names else st.just(set()))
    obstacles = Obstacles()
    for key in sorted(names):
        if key in goes:
            obstacles.add(key)
        else:
            assert obstacles.before(key) == any(key.startswith(gone + b"/") for gone in goes)
