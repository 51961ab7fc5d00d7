#!/bin/bash
# A second S3 server that verifies signatures: MinIO, built from its Go module (2 minutes the first time, then kept in the cache).
#
#   minio.sh build         prints the program's path
#   minio.sh up [--port N]
#   minio.sh down
#   minio.sh env           what a client needs: export AWS_ENDPOINT_URL=… AWS_ACCESS_KEY_ID=… and so on
#
# On 127.0.0.1, port 9005. Objects live in the state folder and go with "down"; TESTBED_STATE_DIR and STORAGE_NAME place it, and let
# several servers stand side by side. S3_ACCESS_KEY and S3_SECRET_KEY (8 characters or more) choose other credentials.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
VERSION=v0.0.0-20250907161309-07c3a429bfed # the release of 2025-09-07
STATE=${TESTBED_STATE_DIR:-/var/tmp/datasync-storage}/${STORAGE_NAME:-minio}
MINIO=$BIN/minio-$VERSION
PROBE='
import sys, urllib.request as r
r.build_opener(r.ProxyHandler({})).open(sys.argv[1] + "/minio/health/ready", timeout=2)'

compile() {
  local folder=$BIN/minio.$$
  command -v go >/dev/null || die "Go is missing: install Go 1.25 or later"
  mkdir -p "$folder"
  CGO_ENABLED=0 GOBIN=$folder go install "github.com/minio/minio@$VERSION"
  mv "$folder/minio" "$MINIO" # whole or not at all
  rmdir "$folder"
}

build() {
  mkdir -p "$CACHE"
  exec 8>"$CACHE/minio.lock"
  flock 8 # one build for all that ask at once
  [ -x "$MINIO" ] || step "MinIO (Go, 2 minutes)" compile >&2
  exec 8>&-
}

up() {
  local port=9005 n=0
  while [ $# -gt 0 ]; do
    case $1 in
      --port) port=$2; shift 2 ;;
      *) die "unknown: $1" ;;
    esac
  done
  build
  ! running "$STATE/minio.pid" || die "already up (STORAGE_NAME=${STORAGE_NAME:-minio})"
  down # what an interrupted run left
  mkdir -p "$STATE/data"
  local key=${S3_ACCESS_KEY:-testbed} secret=${S3_SECRET_KEY:-testbed-secret-key} endpoint=http://127.0.0.1:$port
  ! bash -c "exec 3<>/dev/tcp/127.0.0.1/$port" 2>/dev/null || die "port $port is taken"
  (cd "$STATE" && exec env HOME="$STATE" MINIO_ROOT_USER="$key" MINIO_ROOT_PASSWORD="$secret" MINIO_BROWSER=off MINIO_UPDATE=off \
    "$MINIO" server --quiet --address "127.0.0.1:$port" "$STATE/data") >"$STATE/out.log" 2>&1 </dev/null &
  remember "$STATE/minio.pid" $!
  printf 'export %s=%s\n' AWS_ENDPOINT_URL "$endpoint" AWS_ACCESS_KEY_ID "$key" AWS_SECRET_ACCESS_KEY "$secret" AWS_REGION us-east-1 >"$STATE/env"
  until "$ROOT/.venv/bin/python" -c "$PROBE" "$endpoint" 2>/dev/null; do
    if ! running "$STATE/minio.pid" || [ $((n += 1)) -gt 100 ]; then
      tail -n 20 "$STATE/out.log" >&2
      down
      exit 1
    fi
    sleep 0.1
  done
  echo "S3 at $endpoint, access key $key, secret key $secret"
}

down() {
  finish "$STATE/minio.pid" 100
  rm -rf "$STATE"
}

command=${1:-}; shift || true
case $command in
  build) build; echo "$MINIO" ;;
  up) up "$@" ;;
  down) down ;;
  env) cat "$STATE/env" ;;
  *) sed -n '2,10p' "$0"; exit 2 ;;
esac
