"""The list of files that a task transfers instead of all: where it is to be found.

What is in it is the runner's to read: it may be larger than anybody's memory.
"""

from typing import Annotated, Final, Literal

from pydantic import Field

from datasync_api.base import ApiModel, Rule
from datasync_api.text import ConfigMapKeyReference, RelativePath

MANIFEST_KEY: Final = "manifest.csv"
"""The file that a manifest out of a ConfigMap is mounted as."""


class TransferManifest(ApiModel):
    """The files to transfer, one a line: AWS DataSync's manifest."""

    rules = (
        Rule(
            cel="has(self.configMapKeyRef) != has(self.path)",
            message="set exactly one of configMapKeyRef and path",
            holds=lambda m: (m.config_map_key_ref is None) != (m.path is None),
        ),
    )

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
