"""What an execution does otherwise than its task: each override takes effect, and none gets past a rule."""

from typing import Any, get_args

import pytest

from datasync_api.overrides import Overrides, OverridesInvalidError, overridden
from datasync_api.task import TaskSpec
from datasync_api.task_options import TaskOptions

TASK = TaskSpec.model_validate(
    {
        "sourceLocationRef": {"name": "nas"},
        "destinationLocationRef": {"name": "bucket"},
        "options": {"bytesPerSecond": 1000, "hiddenFiles": "Exclude"},
        "includes": [{"value": "/projects*"}],
        "excludes": [{"value": "*.tmp"}],
        "fileConditions": {"minSize": 1},
        "report": {"locationRef": {"name": "told"}},
        "deadlineSeconds": 60,
    }
)


def of_the_run(**overrides: Any) -> TaskSpec:
    return overridden(TASK, Overrides.model_validate(overrides))


def other_values() -> list[tuple[str, dict[str, Any]]]:
    """For each option a value that is not the task's, with what has to go along."""
    together = {"mtime": {"atime": "None"}, "atime": {"mtime": "None"}}
    found = []
    for name, field in TaskOptions.model_fields.items():
        alias = field.alias or name
        now = TASK.options.manifest().get(alias)
        kinds = get_args(field.annotation) if now is None else (field.annotation,)
        choices = get_args(kinds[0]) or (now + 7,)
        other = next(value for value in choices if value != now)
        found.append((alias, {alias: other, **together.get(alias, {})}))
    return found


@pytest.mark.parametrize(("name", "options"), other_values())
def test_every_option_can_be_overridden_by_itself(name: str, options: dict[str, Any]) -> None:
    expected = {**TASK.options.manifest(), **options}
    made = of_the_run(options=options)
    assert made.options.manifest() == expected
    assert made.manifest() == {**TASK.manifest(), "options": expected}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("includes", [{"filterType": "SimplePattern", "value": "/home"}]),
        ("excludes", [{"filterType": "Glob", "value": "*.bak"}]),
        ("fileConditions", {"maxSize": 5}),
        ("report", {**TASK.report.manifest(), "outputType": "SummaryOnly"}),  # type: ignore[union-attr]
    ],
)
def test_others_are_replaced_whole(field: str, value: Any) -> None:
    assert of_the_run(**{field: value}).manifest() == {**TASK.manifest(), field: value}


@pytest.mark.parametrize(
    ("field", "empty"), [("includes", []), ("excludes", []), ("fileConditions", {}), ("report", {})]
)
def test_an_empty_one_clears_the_tasks(field: str, empty: Any) -> None:
    made = of_the_run(**{field: empty}).manifest()
    assert made.get(field) in (None, empty)
    assert {k: v for k, v in made.items() if k != field} == {
        k: v for k, v in TASK.manifest().items() if k != field
    }


def test_a_manifest_takes_the_place_of_filters() -> None:
    made = of_the_run(manifest={"path": "lists/now.csv"}, includes=[], excludes=[])
    assert made.manifest()["manifest"] == {"format": "CSV", "path": "lists/now.csv"}
    listed = {"locationRef": {"name": "lists"}, "key": "now.csv"}
    made = of_the_run(manifest={"s3": listed}, includes=[], excludes=[])
    assert made.manifest()["manifest"] == {"format": "CSV", "s3": listed}
    assert made.location_names()[-1] == "lists"
    cleared = overridden(made, Overrides.model_validate({"manifest": {}}))
    assert cleared.transfer_manifest is None
    with pytest.raises(OverridesInvalidError, match="a manifest lists every file"):
        of_the_run(manifest={"path": "lists/now.csv"})


def test_without_overrides_it_is_the_task() -> None:
    assert overridden(TASK, None) is TASK
    assert of_the_run() == TASK


def test_a_pair_from_two_objects_gets_past_no_rule() -> None:
    task = TASK.model_copy(update={"options": TaskOptions(preserve_deleted_files="Remove")})
    with pytest.raises(OverridesInvalidError, match="Remove cannot be combined") as refused:
        overridden(task, Overrides.model_validate({"options": {"transferMode": "All"}}))
    assert "correct spec.overrides of a new execution, or the task" in str(refused.value)
    with pytest.raises(OverridesInvalidError, match="name a location outside of both"):
        of_the_run(report={"locationRef": {"name": "bucket"}})
