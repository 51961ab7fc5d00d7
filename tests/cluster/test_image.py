"""An image that cannot be pulled: for all runs at once, so the chart is upgraded to it and back."""

import pytest

from cluster.transfers import Transfers, condition
from fixtures.cluster import Cluster


@pytest.mark.timeout(90)
def test_an_image_that_cannot_be_pulled(
    cluster: Cluster, transfers: Transfers, cluster_bucket: str
) -> None:
    absent = {"runner.image.repository": f"{cluster.address}:5/absent"}
    cluster.install(
        **absent,
        **{"runner.image.pullPolicy": "IfNotPresent", "operator.launchDeadlineSeconds": "10"},
    )
    try:
        transfers.copy("copy", cluster_bucket, cluster_bucket)
        run = transfers.until("copy", "Error")
    finally:
        cluster.install()

    told = condition(run["status"], "Ready")
    assert told["reason"] == "ImagePullFailed"
    assert "check the image" in told["message"]
    assert f"{cluster.address}:5/absent" in told["message"]
    transfers.gone(run)
