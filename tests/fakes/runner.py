"""A stand-in for the runner: keeps the contract, moves nothing, behaves as FAKE_RUNNER says.

    success | files-failed | tolerated | held | credentials | log-lost | stopped | deaf | no-result |
    foreign-result | crash | killed

It announces and serves the exchange and writes what it saw to FAKE_RUNNER_SEEN.  With
FAKE_RUNNER_ASKED it ends only after it was asked for progress.
"""

import argparse
import json
import os
import signal
import stat
import sys
import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

from datasync_api.baseline import Baseline
from datasync_api.conditions import Reason
from datasync_api.counters import Counters, FilesFailed
from datasync_api.exit_codes import ExitCode
from datasync_api.hold import Hold
from datasync_api.plan import TransferPlan
from datasync_api.report import (
    ExchangeRequest,
    Failure,
    LogDelivery,
    Progress,
    RunError,
    TransferResult,
)

COUNTERS = Counters(
    files_listed_at_source=10,
    estimated_files_to_transfer=4,
    estimated_bytes_to_transfer=4096,
    files_transferred=4,
    files_verified=4,
    files_skipped=6,
    bytes_transferred=4096,
    bytes_written=4096,
)
FAILED = Failure(
    code="PermissionDenied",
    count=2,
    sample_path="/a/[b]",
    message="may not be read",
    hint="run as a user that may read it",
)
asked = threading.Event()
stopped = threading.Event()


def serve(plan: TransferPlan) -> int:
    assert plan.exchange is not None
    token = Path(plan.exchange.token_path).read_text()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            request = ExchangeRequest.model_validate_json(body)
            right = (
                self.path == "/v1/exchange"
                and self.headers["Authorization"] == f"Bearer {token}"
                and request.execution_uid == plan.execution.uid
            )
            answer = Progress(
                execution_uid=plan.execution.uid,
                phase="Transferring",
                counters=COUNTERS,
                totals_final=True,
            ).model_dump_json(by_alias=True)
            self.send_response(200 if right else 401)
            self.end_headers()
            self.wfile.write(answer.encode() if right else b"no")
            if right:
                asked.set()

        def log_message(self, *arguments: Any) -> None:
            del arguments

    server = HTTPServer((plan.exchange.host, plan.exchange.port), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_port


def tell_what_was_seen(plan: TransferPlan, folder: Path) -> None:
    entries = [folder, *sorted(folder.rglob("*"))]
    seen = {
        "plan": json.loads(plan.text()),
        "modes": {
            str(path.relative_to(folder)): stat.S_IMODE(path.stat().st_mode) for path in entries
        },
        "files": {
            str(path.relative_to(folder)): path.read_text() for path in entries if path.is_file()
        },
        "folder": str(folder),
    }
    if target := os.environ.get("FAKE_RUNNER_SEEN"):
        Path(target).write_text(json.dumps(seen))


def result(plan: TransferPlan, outcome: str, **more: Any) -> TransferResult:
    now = datetime.now(UTC)
    requests = {"PutObject": 4, "ListObjectsV2": 1} if plan.mode == "DryRun" else {}
    fields: dict[str, Any] = {
        "execution_uid": plan.execution.uid,
        "mode": plan.mode,
        "requests": requests,
        "outcome": outcome,
        "prepare_status": "Success",
        "transfer_status": "Success",
        "verify_status": "Success",
        "transfer_duration_ms": 2000,
        "total_duration_ms": 2500,
        "counters": COUNTERS,
        "baseline": Baseline(recipe=plan.hash(), source_time=now, destination_time=now),
        "start_time": now,
        "end_time": now,
    }
    return TransferResult(**{**fields, **more})


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--plan", type=Path, required=True)
    parser.add_argument("--result", type=Path, required=True)
    arguments = parser.parse_args()
    behaviour = os.environ.get("FAKE_RUNNER", "success")
    plan = TransferPlan.model_validate_json(arguments.plan.read_bytes())
    tell_what_was_seen(plan, arguments.plan.parent)
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    if behaviour == "deaf":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    port = serve(plan)
    print(json.dumps({"event": "exchange", "port": port}), flush=True)

    def leave(found: TransferResult) -> None:
        arguments.result.write_text(found.termination_message())

    if behaviour == "crash":
        print("Traceback: it broke here", file=sys.stderr)
        return 1
    if behaviour == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if behaviour in ("stopped", "deaf"):
        asked.wait(15)
        if ready := os.environ.get("FAKE_RUNNER_READY"):
            Path(ready).touch()
        assert stopped.wait(60)
        leave(result(plan, "Stopped", transfer_status="Error"))
        return ExitCode.STOPPED
    if os.environ.get("FAKE_RUNNER_ASKED"):
        assert asked.wait(15), "nobody asked for progress"
    match behaviour:
        case "files-failed" | "tolerated":
            failed = COUNTERS.model_copy(update={"files_failed": FilesFailed(transfer=2)})
            error = RunError(code=Reason.FILES_FAILED, detail="2 of 10 files failed")
            outcome = "Error" if behaviour == "files-failed" else "CompletedWithErrors"
            leave(result(plan, outcome, counters=failed, failures=[FAILED], error=error))
        case "held" if not plan.acknowledged(Reason.TOO_MANY_DELETIONS):
            token = plan.token(Reason.TOO_MANY_DELETIONS, 9)
            detail = "9 of 10 files would be deleted at the destination"
            error = RunError(code=Reason.TOO_MANY_DELETIONS, detail=detail)
            hold = Hold(token=token, reason=Reason.TOO_MANY_DELETIONS, deletions=9, limit=5)
            leave(result(plan, "Held", transfer_status="Pending", error=error, hold=hold))
            return ExitCode.GUARD
        case "credentials":
            error = RunError(code=Reason.CREDENTIALS_REFUSED, detail="the key is wrong")
            leave(result(plan, "Error", error=error))
            return ExitCode.CREDENTIALS
        case "log-lost":
            lost = LogDelivery(lost_lines=3, problem="no right; allow it")
            leave(result(plan, "Success", log_delivery=lost))
        case "foreign-result":
            leave(result(plan, "Success", execution_uid="another"))
        case "no-result":
            pass
        case _:
            leave(result(plan, "Success"))
    return ExitCode.DONE


if __name__ == "__main__":
    sys.exit(main())
