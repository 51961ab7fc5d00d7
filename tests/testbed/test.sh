#!/bin/bash
# Every tier, none skipped: 'make test'. Ends after the first tier that fails; the times come last.
# The cluster tier mostly waits for Kubernetes, so it runs beside the others; its output comes when it has ended.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
cd "$ROOT"
summary=()
log=$(mktemp)
trap 'rm -f "$log"' EXIT

failed() { # failed NAME SECONDS
  printf '\n=== %s FAILED after %d s; what passed before:\n' "$1" "$2" >&2
  [ ${#summary[@]} = 0 ] || printf '%s\n' "${summary[@]}" >&2
}
passed() { summary+=("$(printf '  %-16s %4d s' "$1" "$2")"); } # passed NAME SECONDS
tier() { # tier NAME COMMAND…
  local name=$1 began=$SECONDS; shift
  printf '\n=== %s\n' "$name"
  if ! "$@"; then
    failed "$name" $((SECONDS - began))
    return 1
  fi
  passed "$name" $((SECONDS - began))
}
# What failed last time runs first. Finding no test at all is a failure too (pytest exits with 5).
pytest() { .venv/bin/python -m pytest -q --failed-first "$@"; }

tier setup "$TESTBED/install.sh"
tier images "$TESTBED/images.sh"

began=$SECONDS
set -m # or bash would start it deaf to interrupts
pytest -m cluster -o cache_dir=.pytest_cache/cluster >"$log" 2>&1 &
cluster=$!
set +m
# An interrupted or failed run must not leave the cluster behind: its fixtures take it down.
trap 'kill -INT -- -$cluster 2>/dev/null && wait $cluster; rm -f "$log"' EXIT
tier check "$TESTBED/check.sh"
tier storage pytest -n 2 -m storage
tier control-plane pytest -m control_plane
printf '\n=== cluster (beside the tiers above since %d s)\n' $((SECONDS - began))
code=0
wait $cluster || code=$?
cat "$log"
if [ $code != 0 ]; then failed cluster $((SECONDS - began)); exit 1; fi
passed cluster $((SECONDS - began))

printf '\n=== all tiers passed\n'
printf '%s\n' "${summary[@]}"
printf '  %-16s %4d s\n' total "$SECONDS"
