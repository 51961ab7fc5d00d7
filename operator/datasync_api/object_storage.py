"""A bucket of self-managed object storage as a location; those of Amazon are in s3_location."""

from typing import Annotated, Literal

from pydantic import Field

from datasync_api.base import ApiModel, Rule
from datasync_api.text import AUTHORITY, CaBundle, Prefix, Reference, Region, written_as

AddressingStyle = Literal["Path", "Virtual"]
PayloadSigning = Literal["Automatic", "Always", "Never"]
BucketName = Annotated[
    str,
    Field(min_length=3, max_length=63),
    written_as(
        "[a-z0-9][a-z0-9.-]*[a-z0-9]",
        "is not a bucket's name: use 3 to 63 lower-case letters, digits, '-' and '.'",
    ),
]
"""S3's rules for general purpose buckets (user guide, bucket naming rules)."""

HttpUrl = Annotated[
    str,
    Field(min_length=8, max_length=2048),
    written_as(
        f"https?://{AUTHORITY}",
        "is not the URL of a server: write https://, host and port alone, without a path, as in "
        "https://minio.example.com:9000",
    ),
]


class ObjectStorage(ApiModel):
    """A bucket of self-managed object storage that speaks the S3 API."""

    rules = (
        Rule(
            cel="self.endpoint.startsWith('https://') || self.allowInsecure",
            message="http:// sends data in the clear: use an https:// endpoint, or set "
            "allowInsecure: true if that is intended",
            field=".endpoint",
            holds=lambda storage: storage.endpoint.startswith("https://") or storage.allow_insecure,
        ),
    )

    endpoint: HttpUrl = Field(description="URL of the S3 API: scheme, host and port, no path.")
    bucket: BucketName
    prefix: Prefix = Field(
        default="", description="Only keys below this prefix, for example backups/nas."
    )
    region: Region = Field(
        default="us-east-1", description="The region that requests are signed for."
    )
    credentials_secret_ref: Reference | None = Field(
        default=None,
        description="A Secret with AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and, for temporary "
        "credentials, AWS_SESSION_TOKEN. Absent: the runner's own AWS identity.",
    )
    ca_bundle: CaBundle | None = Field(
        default=None, description="Certificates to trust for this endpoint, from a ConfigMap."
    )
    addressing_style: AddressingStyle = Field(
        default="Path", description="Path: endpoint/bucket. Virtual: bucket.endpoint."
    )
    allow_insecure: bool = Field(default=False, description="Must be true for an http:// endpoint.")
    payload_signing: PayloadSigning = Field(
        default="Automatic",
        description="Whether a request's signature covers its body. Automatic: over http:// it "
        "does, over https:// TLS protects the body.",
    )
