"""The member `s3` of a location: an Amazon S3 bucket, and all that AWS lets one say about it."""

from typing import Annotated, Literal

from pydantic import Field

from datasync_api.base import ApiModel, Rule
from datasync_api.text import AUTHORITY, Name, Prefix, Reference, Region, written_as

StorageClass = Literal[
    "Standard",
    "StandardIA",
    "OneZoneIA",
    "IntelligentTiering",
    "GlacierInstantRetrieval",
    "GlacierFlexibleRetrieval",
    "DeepArchive",
]
EncryptionType = Literal["SSE_S3", "SSE_KMS"]

_BUCKET = "[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]"
_ACCESS_POINT = "arn:aws[a-z-]*:s3:[a-z0-9-]+:[0-9]{12}:accesspoint[/:][a-z0-9-]{3,50}"
BucketOrAccessPoint = Annotated[
    str,
    Field(min_length=3, max_length=255),
    written_as(
        f"{_BUCKET}|{_ACCESS_POINT}",
        "is neither a bucket nor an access point: use 3 to 63 lower-case letters, digits, '-' and "
        "'.', or write arn:aws:s3:REGION:ACCOUNT:accesspoint/NAME",
    ),
]
"""S3's rules for general purpose buckets, and for access points of one region."""

HttpsUrl = Annotated[
    str,
    Field(min_length=9, max_length=2048),
    written_as(
        f"https://{AUTHORITY}",
        "is not an https:// URL of a server: write scheme and host alone, without a path, as in "
        "https://s3.example.com",
    ),
]
Account = Annotated[
    str,
    Field(min_length=12, max_length=12),
    written_as("[0-9]{12}", "is not an AWS account: write its 12 digits, in quotes"),
]
RoleArn = Annotated[
    str,
    Field(min_length=20, max_length=2048),
    written_as(
        "arn:aws[a-z-]*:iam::[0-9]{12}:role/[A-Za-z0-9+=,.@_/-]+",
        "is not the ARN of a role: write it as arn:aws:iam::ACCOUNT:role/NAME",
    ),
]
KmsKeyId = Annotated[
    str,
    Field(min_length=1, max_length=2048),
    written_as(
        "[A-Za-z0-9:/_-]+",
        "is not a KMS key: write its ARN, its id, or alias/NAME",
    ),
]


class Encryption(ApiModel):
    """How S3 shall encrypt what is written."""

    rules = (
        Rule(
            cel="!has(self.kmsKeyId) || self.type == 'SSE_KMS'",
            message="a key goes with type SSE_KMS: set that, or remove kmsKeyId",
            field=".kmsKeyId",
            holds=lambda e: e.kms_key_id is None or e.type == "SSE_KMS",
        ),
    )

    type: EncryptionType = Field(description="SSE_S3: S3's own keys. SSE_KMS: a key of AWS KMS.")
    kms_key_id: KmsKeyId | None = Field(
        default=None,
        description="The key's ARN, id or alias; absent: the account's own key for S3.",
    )


class S3(ApiModel):
    """An Amazon S3 bucket, or an access point of one."""

    rules = (
        Rule(
            cel="!(has(self.serviceAccountName) && has(self.credentialsSecretRef))",
            message="set serviceAccountName or credentialsSecretRef, not both",
            field=".credentialsSecretRef",
            holds=lambda s3: s3.service_account_name is None or s3.credentials_secret_ref is None,
        ),
        Rule(
            cel="!self.bucket.startsWith('arn:') || self.bucket.contains(':s3:' + self.region + "
            "':')",
            message="is not the access point's region: set region to the one in its ARN",
            field=".region",
            holds=lambda s3: not s3.bucket.startswith("arn:") or f":s3:{s3.region}:" in s3.bucket,
        ),
    )

    bucket: BucketOrAccessPoint = Field(description="The bucket's name, or an access point's ARN.")
    prefix: Prefix = Field(
        default="", description="Only keys below this prefix, for example backups/nas."
    )
    region: Region = Field(default="us-east-1", description="The bucket's region.")
    storage_class: StorageClass = Field(
        default="Standard",
        description="For new objects. Those below 128 KiB (GlacierFlexibleRetrieval and "
        "DeepArchive: 40 KiB) go to Standard; the class of an existing object is never changed.",
    )
    service_account_name: Name | None = Field(
        default=None,
        description="The service account that gives the runner its IAM role (IRSA, Pod Identity).",
    )
    credentials_secret_ref: Reference | None = Field(
        default=None,
        description="A Secret with AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and, for temporary "
        "credentials, AWS_SESSION_TOKEN.",
    )
    role_arn: RoleArn | None = Field(
        default=None,
        description="A role to assume with those credentials, for example in the bucket's account.",
    )
    endpoint: HttpsUrl | None = Field(
        default=None, description="A VPC endpoint's URL; absent: the region's public endpoint."
    )
    encryption: Encryption | None = Field(
        default=None, description="For what is written; absent: the bucket's own default."
    )
    expected_bucket_owner: Account | None = Field(
        default=None,
        description="The account that must own the bucket; S3 refuses every request otherwise.",
    )
    requester_pays: bool = Field(
        default=False, description="Agree to pay for the requests to a Requester Pays bucket."
    )
