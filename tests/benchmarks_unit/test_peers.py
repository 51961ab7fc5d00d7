"""What peers say of themselves."""

import pytest

from benchmarks.peers import stated_rate_mib

GOT = "getting file \\a of size 1 as a (2048.0 KiloBytes/sec) (average {} KiloBytes/sec)\n"


@pytest.mark.parametrize(
    ("messages", "mib"),
    [
        (GOT.format("1048576.0"), 1024.0),
        (GOT.format("1024.0") + GOT.format("3072.0"), 3.0),
        ("", 0.0),
        ("Transferred: 1 GiB", 0.0),
    ],
)
def test_the_rate_of_smbclient_is_its_last_average(messages: str, mib: float) -> None:
    assert stated_rate_mib(messages) == mib
