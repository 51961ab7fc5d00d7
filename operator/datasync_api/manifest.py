"""The list of files that a task transfers instead of all: where it is to be found.

What is in it is the runner's to read: it may be larger than anybody's memory.
"""

from typing import Annotated, Final, Literal

from pydantic import Field

from datasync_api.base import ApiModel, Rule, exactly_one_of
from datasync_api.location import Location
from datasync_api.text import ConfigMapKeyReference, Reference, RelativePath

MANIFEST_KEY: Final = "manifest.csv"
"""The file that a manifest out of a ConfigMap is mounted as."""

PLACES: Final = ("config_map_key_ref", "path", "s3")
"""The fields that say where a manifest is, of which one is set."""


class ManifestObject(ApiModel):
    """An object that holds the list (AWS: ManifestConfig's Source.S3).

    The bucket is a location's, and with it its endpoint, certificates, credentials and role, so
    that none of them is written twice.
    """

    location_ref: Reference = Field(
        description="A DataSyncLocation of the kind s3 or objectStorage; one of the task's own "
        "two, or another."
    )
    key: Annotated[
        str,
        Field(min_length=1, max_length=1024),
        Rule(
            cel="!self.startsWith('/')",
            message="must not start with '/': write the key below the location's prefix",
            holds=lambda key: not key.startswith("/"),
        ),
        Rule(
            cel="!self.endsWith('/')",
            message="names a folder: write the key of the object that holds the list",
            holds=lambda key: not key.endswith("/"),
        ),
    ] = Field(description="Its key, below the location's prefix.")
    version_id: Annotated[str, Field(min_length=1, max_length=1024)] | None = Field(
        default=None, description="This version of it; absent: the newest."
    )


class TransferManifest(ApiModel):
    """The files to transfer, one a line: AWS DataSync's manifest."""

    rules = (exactly_one_of(*PLACES),)

    format: Literal["CSV"] = Field(
        default="CSV",
        description="CSV: UTF-8, no header, on each line a path below the source location and, of "
        "an object, its version id.",
    )
    config_map_key_ref: ConfigMapKeyReference | None = Field(
        default=None, description="A key of a ConfigMap, for up to 1 MiB."
    )
    path: Annotated[RelativePath, Field(min_length=1)] | None = Field(
        default=None, description="A file, or an object, below the source location."
    )
    s3: ManifestObject | None = Field(
        default=None, description="An object in the bucket of any location."
    )


def not_of_objects(location: Location) -> str | None:
    """Why a manifest's object cannot lie in that location, or None: what, and how to fix it."""
    spec = location.spec
    if spec.s3 is not None or spec.object_storage is not None:
        return None
    return (
        f"the manifest's location {location.metadata.name} is {spec.type}, and an object lies in a "
        "bucket: name a location of the kind s3 or objectStorage"
    )
