"""A role that is assumed: with which keys, when again, and what is said when it is refused.

The token service is one of ours, which looks at the request as STS does; botocore is real.
"""

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs

import pytest

from datasync_api.sides import S3Side
from datasync_runner.storage import errors
from datasync_runner.storage.s3.client import Client
from datasync_runner.storage.s3.credentials import make_source
from fakes.s3_answers import Reply, serve

ROLE = "arn:aws:iam::123456789012:role/archive"
OTHER = "arn:aws:iam::123456789012:role/other"
SIDE = S3Side(uri="s3://data/", bucket="data", region="eu-west-1", role_arn=ROLE)
REFUSAL = (
    '<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type>'
    "<Code>AccessDenied</Code><Message>not authorized to perform: sts:AssumeRole</Message></Error>"
    "<RequestId>1</RequestId></ErrorResponse>"
)


class TokenService:
    """Gives numbered keys that hold for `minutes`, to who asks for the one role."""

    minutes = 60

    def __init__(self):
        self.given = 0

    def __call__(self, asked):
        wish = {name: values[0] for name, values in parse_qs(asked.body.decode()).items()}
        if (wish["Action"], wish["RoleArn"]) != ("AssumeRole", ROLE):
            return Reply(403, REFUSAL.encode(), {"Content-Type": "text/xml"})
        self.given += 1
        until = (datetime.now(UTC) + timedelta(minutes=self.minutes)).strftime("%Y-%m-%dT%H:%M:%SZ")
        body = (
            '<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">'
            "<AssumeRoleResult><AssumedRoleUser>"
            f"<Arn>arn:aws:sts::123456789012:assumed-role/archive/{wish['RoleSessionName']}</Arn>"
            f"<AssumedRoleId>AROA:{wish['RoleSessionName']}</AssumedRoleId></AssumedRoleUser>"
            f"<Credentials><AccessKeyId>ASIA{self.given}</AccessKeyId>"
            "<SecretAccessKey>hush-hush</SecretAccessKey><SessionToken>token</SessionToken>"
            f"<Expiration>{until}</Expiration></Credentials></AssumeRoleResult>"
            "<ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></AssumeRoleResponse>"
        )
        return Reply(200, body.encode(), {"Content-Type": "text/xml"})


@pytest.fixture
def service():
    return TokenService()


@pytest.fixture
def sts(service, monkeypatch, tmp_path):
    """The running service, and a pod that has keys in its environment."""
    for name in ("AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE"):
        monkeypatch.delenv(name, raising=False)
    with serve(service) as server:
        for name, value in {
            "AWS_ENDPOINT_URL_STS": server.endpoint,
            "AWS_ACCESS_KEY_ID": "POD",
            "AWS_SECRET_ACCESS_KEY": "hush",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": str(tmp_path / "no-config"),
            "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "no-credentials"),
            "NO_PROXY": "127.0.0.1",
            "no_proxy": "127.0.0.1",
        }.items():
            monkeypatch.setenv(name, value)
        yield server


def secret(folder, access_key="SECRET"):
    folder.mkdir(exist_ok=True)
    (folder / "AWS_ACCESS_KEY_ID").write_text(access_key)
    (folder / "AWS_SECRET_ACCESS_KEY").write_text("hush")
    return SIDE.model_copy(update={"credentials_path": str(folder)})


def test_a_role_is_assumed_with_what_the_pod_has(sts):
    source = make_source(SIDE)
    found = source.current()
    assert (found.access_key, found.secret_key, found.token) == ("ASIA1", "hush-hush", "token")
    assert source.current() == found
    (asked,) = sts.asked
    assert (asked.access_key, asked.region) == ("POD", "eu-west-1")
    assert b"RoleSessionName=datasync" in asked.body


def test_a_role_is_assumed_with_the_keys_of_a_secret(sts, tmp_path):
    assert make_source(secret(tmp_path / "keys")).current().access_key == "ASIA1"
    assert sts.asked[0].access_key == "SECRET"


def test_a_session_that_is_young_is_kept(sts):
    source = make_source(SIDE)
    source.current()
    assert source.refresh() is False
    assert len(sts.asked) == 1


def test_a_session_that_ends_soon_is_renewed_with_the_keys_as_they_are_then(sts, service, tmp_path):
    service.minutes = 12  # botocore renews within 15
    source = make_source(secret(tmp_path / "keys"))
    source.current()
    secret(tmp_path / "keys", "ROTATED")
    assert source.refresh() is True
    assert source.current().access_key == "ASIA2"
    assert [asked.access_key for asked in sts.asked] == ["SECRET", "ROTATED"]


def test_a_role_that_is_refused_says_what_to_allow(sts):
    source = make_source(SIDE.model_copy(update={"role_arn": OTHER}))
    with pytest.raises(errors.CredentialsRefused, match="sts:AssumeRole") as caught:
        source.current()
    assert OTHER in caught.value.message
    assert "hush" not in caught.value.message


def test_a_pod_without_keys_assumes_nothing(sts, monkeypatch):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(errors.CredentialsRefused):
        make_source(SIDE).current()
    assert sts.asked == []


def plain(folder):
    return secret(folder).model_copy(update={"role_arn": None})


def test_who_has_the_same_keys_and_asks_nobody_to_say_so(sts, tmp_path):
    """Then the storage can copy by itself between the two."""
    pod = SIDE.model_copy(update={"role_arn": None})
    other = SIDE.model_copy(update={"role_arn": OTHER})
    sides = [pod, SIDE, other, secret(tmp_path / "a"), plain(tmp_path / "b")]
    clients = [Client(side) for side in sides]
    again = [Client(side) for side in sides]
    for at, one in enumerate(clients):
        assert [one.same_account(two) for two in again] == [at == to for to in range(len(sides))]
    secret(tmp_path / "c", "ANOTHER")
    (tmp_path / "c" / "AWS_SESSION_TOKEN").write_text("t")
    changed = Client(sides[4].model_copy(update={"credentials_path": str(tmp_path / "c")}))
    assert not clients[4].same_account(changed)
    assert sts.asked == []
