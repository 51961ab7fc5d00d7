"""Every field of a task has a test that fails when the field is ignored.

The table is kept by hand.  A line is true when the test fails with the field's use replaced by the
field's default; a new field brings its line.
"""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from datasync_api.schema import structural
from datasync_api.task import Task
from named_tests import NAME, collected

COMPARE = "tests/runner/core/test_compare.py"
CONDITIONS = "tests/runner/core/test_file_conditions.py::test_table"
EXECUTION = "tests/operator/decide/test_execution.py"
JOB = "tests/operator/decide/test_manifests.py"
LISTED = "tests/cli/test_manifests_for_real.py"
LOG = "tests/api/test_logging_target.py::test_the_log_goes_where_it_is_asked_to_go"
METADATA = "tests/storage/test_runs.py::test_each_kind_of_metadata_is_kept_by_its_own_option"
PIPELINE = "tests/runner/engine/test_pipeline.py"
PROCESS = "tests/runner/test_process.py"
REPORT = "tests/cli/test_reports_for_real.py"
REPORT_LEVEL = "tests/api/test_plan_and_report.py::test_a_planned_report_has_a_level_for_each_kind"
REPORT_BUCKET = (
    "tests/api/test_task_report.py::test_a_bucket_of_its_own_is_a_location_with_all_its_fields"
)
RULES = "tests/storage/test_runs.py::test_what_takes_no_part_is_left_alone_on_both_sides"
WINDOWS = "tests/api/test_windows.py::test_a_window_holds"
TASK = "tests/operator/decide/test_task.py"

PROOF = {
    "sourceLocationRef": "tests/operator/test_reconcile.py::test_from_asked_for_to_success_with_nothing_left_behind",
    "destinationLocationRef": "tests/operator/test_reconcile.py::test_from_asked_for_to_success_with_nothing_left_behind",
    "options.transferMode": f"{COMPARE}::test_options_of_the_task",
    "options.verifyMode": f"{PIPELINE}::test_without_verification_nothing_counts_as_verified",
    "options.overwriteMode": f"{PIPELINE}::test_never_leaves_alone_what_is_there_even_in_mode_all",
    "options.preserveDeletedFiles": f"{PIPELINE}::test_exactly_the_changes_are_made",
    "options.mtime": METADATA,
    "options.atime": METADATA,
    "options.uid": METADATA,
    "options.gid": METADATA,
    "options.posixPermissions": METADATA,
    "options.preserveDevices": f"{PROCESS}::test_device_nodes_are_kept_where_that_is_asked_for",
    "options.securityDescriptorCopyFlags": "tests/storage/test_security_descriptors.py::test_the_option_says_what_is_copied",
    "options.bytesPerSecond": f"{PROCESS}::test_a_run_keeps_to_its_rate",
    "options.compareMode": "tests/runner/engine/test_inspection.py::test_other_bytes_of_the_same_size_and_time_are_seen",
    "options.objectTags": "tests/storage/test_s3_features.py::test_tags_can_be_left_out",
    "options.checksumAlgorithm": "tests/storage/test_algorithms.py::test_the_option_of_a_task",
    "options.taskQueueing": f"{EXECUTION}::TestWaiting::test_without_queueing_a_second_start_is_refused",
    "options.logLevel": f"{PROCESS}::test_the_log_says_as_much_as_the_level_asks_for",
    "options.fileErrorPolicy": f"{PROCESS}::test_files_that_fail_and_may",
    "options.hiddenFiles": RULES,
    "includes.filterType": RULES,
    "includes.value": RULES,
    "excludes.filterType": RULES,
    "excludes.value": RULES,
    "fileConditions.minSize": CONDITIONS,
    "fileConditions.maxSize": CONDITIONS,
    "fileConditions.minAge": CONDITIONS,
    "fileConditions.maxAge": CONDITIONS,
    "fileConditions.modifiedAfter": CONDITIONS,
    "fileConditions.modifiedBefore": CONDITIONS,
    "manifest.format": "tests/cli/test_validate.py::test_refuses_and_names_field_and_fix",
    "manifest.configMapKeyRef": f"{JOB}::test_a_manifest_is_mounted_where_the_plan_says",
    "manifest.path": f"{JOB}::test_a_manifest_at_the_source_needs_no_mount",
    "manifest.s3.locationRef": f"{LISTED}::test_a_list_in_a_bucket_of_its_own_says_what_is_moved",
    "manifest.s3.key": f"{LISTED}::test_a_list_in_a_bucket_of_its_own_says_what_is_moved",
    "manifest.s3.versionId": f"{LISTED}::test_the_version_that_is_named_is_read",
    "schedule.expression": f"{TASK}::TestSchedule::test_time_zones_are_the_schedules_own",
    "schedule.timeZone": f"{TASK}::TestSchedule::test_time_zones_are_the_schedules_own",
    "schedule.status": f"{TASK}::TestSchedule::test_what_is_due[disabled]",
    "schedule.jitterSeconds": f"{TASK}::TestSchedule::test_jitter_differs_from_task_to_task",
    "schedule.startingDeadlineSeconds": f"{TASK}::TestSchedule::test_what_is_due[too late]",
    "schedule.windows.days": WINDOWS,
    "schedule.windows.from": WINDOWS,
    "schedule.windows.to": WINDOWS,
    "schedule.windows.bytesPerSecond": "tests/operator/decide/test_rate.py::test_rate_in_force",
    "schedule.windows.pause": "tests/operator/decide/test_windows.py::test_paused",
    "logging.cloudWatch.logGroup": LOG,
    "logging.cloudWatch.region": LOG,
    "logging.cloudWatch.streamPrefix": LOG,
    "logging.cloudWatch.createLogGroup": LOG,
    "logging.cloudWatch.retentionDays": LOG,
    "report.s3.prefix": REPORT_BUCKET,
    "report.s3.bucket": REPORT_BUCKET,
    "report.s3.region": REPORT_BUCKET,
    "report.s3.endpoint": REPORT_BUCKET,
    "report.s3.serviceAccountName": REPORT_BUCKET,
    "report.s3.credentialsSecretRef": REPORT_BUCKET,
    "report.s3.storageClass": REPORT_BUCKET,
    "report.s3.encryption.type": REPORT_BUCKET,
    "report.s3.encryption.kmsKeyId": REPORT_BUCKET,
    "report.s3.roleArn": REPORT_BUCKET,
    "report.s3.expectedBucketOwner": REPORT_BUCKET,
    "report.s3.requesterPays": REPORT_BUCKET,
    "report.locationRef": f"{REPORT}::test_a_folder_gets_everything_that_happened",
    "report.outputType": f"{REPORT}::test_a_folder_gets_everything_that_happened",
    "report.html": f"{REPORT}::test_a_folder_gets_everything_that_happened",
    "report.reportLevel": f"{REPORT}::test_a_folder_gets_everything_that_happened",
    "report.overrides.transferred.reportLevel": REPORT_LEVEL,
    "report.overrides.verified.reportLevel": REPORT_LEVEL,
    "report.overrides.deleted.reportLevel": REPORT_LEVEL,
    "report.overrides.skipped.reportLevel": REPORT_LEVEL,
    "report.objectVersionIds": f"{REPORT}::test_a_bucket_with_versions_tells_the_version_of_each_object",
    "guards.allowEmptySource": f"{PIPELINE}::test_an_empty_source_deletes_nothing_unless_it_is_allowed",
    "guards.allowReplacedSource": f"{PIPELINE}::test_another_source_than_the_last_run_has_seen_deletes_nothing",
    "guards.maxDeletePercent": "tests/runner/core/test_guard.py::test_held_back",
    "guards.maxDeletedFiles": "tests/runner/core/test_guard.py::test_held_back",
    "deadlineSeconds": f"{JOB}::test_retry_and_deadline_are_the_tasks",
    "retry.limit": f"{JOB}::test_retry_and_deadline_are_the_tasks",
    "suspend": f"{TASK}::TestSchedule::test_what_is_due[suspended]",
    "trigger": f"{TASK}::TestTrigger::test_a_changed_trigger_starts_one_run_and_is_echoed",
    "runAfter": "tests/operator/decide/test_order.py::test_comes_first",
    "successfulExecutionsHistoryLimit": f"{TASK}::TestHistory::test_the_oldest_beyond_the_limits_go",
    "failedExecutionsHistoryLimit": f"{TASK}::TestHistory::test_the_oldest_beyond_the_limits_go",
}


def leaves(schema: dict[str, Any], path: str = "") -> Iterator[str]:
    """The fields without fields of their own; what names another object is one."""
    inner = schema.get("items", schema).get("properties", {})
    if set(inner) <= {"name", "key"}:
        yield path
    else:
        for name, one in inner.items():
            yield from leaves(one, f"{path}.{name}" if path else name)


def test_every_field_has_its_test() -> None:
    assert set(leaves(structural(Task)["properties"]["spec"])) == PROOF.keys()


@pytest.mark.parametrize("field", PROOF)
def test_the_test_is_there(field: str) -> None:
    found = re.fullmatch(NAME, PROOF[field])
    assert found
    path, name, parameter = found.groups()
    assert name in collected(path)
    assert not parameter or collected(path)[name]
