"""Files that a run leaves on this machine: never where it would transfer or delete them."""

from pathlib import Path

import pytest

from datasync_api.sides import PosixSide, S3Side
from datasync_cli.issues import UsageError
from datasync_cli.places import check_place

BUCKET = S3Side(uri="s3://archive/", bucket="archive", region="eu-central-1")


@pytest.mark.parametrize(
    ("file", "why"),
    [
        ("none/report.html", "does not exist: make it first"),
        ("tree", "is a folder: name a file in it"),
        ("tree/report.html", "takes part in the transfer"),
        ("tree/below/report.html", "takes part in the transfer"),
        ("link/report.html", "takes part in the transfer"),
    ],
)
def test_places_that_are_refused_before_anything_runs(tmp_path: Path, file: str, why: str) -> None:
    (tmp_path / "tree" / "below").mkdir(parents=True)
    (tmp_path / "link").symlink_to("tree/below")
    side = PosixSide(uri="nfs://h/e/", root=str(tmp_path / "tree"))
    for sides in ((BUCKET, side), (side, BUCKET)):
        with pytest.raises(UsageError, match=f"^--log .*{why}"):
            check_place("--log", tmp_path / file, *sides)
        check_place("--log", tmp_path / "run.log", *sides)


def test_beside_the_folder_that_is_transferred_is_fine(tmp_path: Path) -> None:
    (tmp_path / "export" / "projects").mkdir(parents=True)
    side = PosixSide(uri="pvc://n/c/projects/", root=str(tmp_path / "export"), path="projects")
    check_place("--report", tmp_path / "export" / "report.html", side, BUCKET)
