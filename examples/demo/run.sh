#!/bin/bash
# `make demo`: a real tree to a real S3 server by `datasync run`, without a cluster. Needs the Python environment alone.
#
# Three runs of examples/local: everything; nothing; exactly what changed. After each, compare.py looks into the bucket by boto3, which
# knows nothing of DataSync, and compares every object with the tree. Any other outcome than the expected one ends the demo with 1.
set -euo pipefail
ROOT=$(cd "$(dirname "$0")/../.." && pwd)
BIN=$ROOT/.venv/bin
PORT=8333 # the one in examples/local/locations.yaml
[ -x "$BIN/datasync" ] && [ -x "$BIN/weed" ] || { echo "the Python environment is missing: run 'make setup-python'" >&2; exit 1; }

WORK=$(mktemp -d "${TMPDIR:-/tmp}/datasync-demo.XXXXXX")
TREE=$WORK/tree
export TESTBED_STATE_DIR=$WORK/s3 STORAGE_NAME=demo S3_ACCESS_KEY=demo S3_SECRET_KEY=demo-secret-key
# The server is on this machine: no proxy has business with it.
export NO_PROXY="127.0.0.1${NO_PROXY:+,$NO_PROXY}" no_proxy="127.0.0.1${no_proxy:+,$no_proxy}"
cleanup() {
  "$ROOT/tests/testbed/s3.sh" down || true
  rm -rf "$WORK"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

if [ -t 1 ]; then BOLD=$'\e[1m' PLAIN=$'\e[0m'; else BOLD='' PLAIN=''; fi
heading() { printf '\n%s== %s%s\n' "$BOLD" "$*" "$PLAIN"; }
fail() { printf '\nThe demo FAILED: %s\n' "$*" >&2; exit 1; }

sync_tree() {
  local command=(datasync run -f examples/local --mount "nas=$TREE")
  echo "\$ ${command[*]}"
  (cd "$ROOT" && "$BIN/${command[0]}" "${command[@]:1}") | tee "$WORK/summary" || fail "datasync run did not end in Success"
}
expect() { # expect ROW VALUE: the closing table says so
  grep -Eq "^$1 +$2( |,|$)" "$WORK/summary" || fail "expected '$1 $2', but the summary says '$(grep "^$1" "$WORK/summary" || echo nothing)'"
}
compare() { "$BIN/python" "$ROOT/examples/demo/compare.py" "$TREE" "http://127.0.0.1:$PORT" demo projects || fail "the bucket is not the tree"; }

heading "A tree: this machine's Python standard library"
"$BIN/python" - "$TREE" <<'PYTHON'
import importlib.util, shutil, sys, sysconfig
from pathlib import Path

tree, skip = Path(sys.argv[1]), shutil.ignore_patterns("__pycache__", "*.pyc", "site-packages", "dist-packages")
shutil.copytree(sysconfig.get_path("stdlib"), tree, symlinks=True, ignore=skip)
if sum(path.is_file() for path in tree.rglob("*")) < 2000:  # some distributions pack it without its own tests
    shutil.copytree(Path(importlib.util.find_spec("botocore").origin).parent, tree / "botocore", ignore=skip)
PYTHON
FILES=$(find "$TREE" ! -type d | wc -l)
echo "$FILES files and links, $(du -sh "$TREE" | cut -f1)"

heading "An S3 server (SeaweedFS) on 127.0.0.1:$PORT"
"$ROOT/tests/testbed/s3.sh" up --port "$PORT" || fail "the S3 server did not start"
"$BIN/python" "$ROOT/examples/demo/compare.py" --make-bucket "http://127.0.0.1:$PORT" demo

heading "The manifests"
(cd "$ROOT" && echo "\$ datasync validate -f examples/local" && "$BIN/datasync" validate -f examples/local)

heading "First run: everything"
sync_tree
expect Transferred "$FILES files"
expect Verified "$FILES files"
compare

heading "Second run: nothing changed, nothing is transferred"
sync_tree
expect Transferred "0 files"
expect "Metadata updated" "0 files"
expect Deleted "0 files"
compare

heading "Third run: one file changed, one chmod-ed, one removed"
echo "# changed by the demo" >>"$TREE/this.py"
chmod 0600 "$TREE/antigravity.py"
rm "$TREE/abc.py"
sync_tree
expect Transferred "1 file"
expect "Metadata updated" "1 file"
expect Deleted "1 file"
compare

heading "Done in $SECONDS s: each run did exactly what it should"
