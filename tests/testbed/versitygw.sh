#!/bin/bash
# A third S3 server that verifies signatures: Versity's gateway before a folder, where a key is a path. Built from its Go module
# (2 minutes the first time, then kept in the cache).
#
#   versitygw.sh build         prints the program's path
#   versitygw.sh up [--port N]
#   versitygw.sh down
#   versitygw.sh env           what a client needs: export AWS_ENDPOINT_URL=… AWS_ACCESS_KEY_ID=… and so on
#
# On 127.0.0.1, port 7070; places and credentials as with minio.sh. What a file cannot hold is kept in files beside it, so that the file
# system needs no extended attributes.
set -euo pipefail
NAME=versitygw MODULE=github.com/versity/versitygw/cmd/versitygw VERSION=v1.8.0 PORT=7070 READY=/health

serve() {
  mkdir -p "$STATE/sidecar"
  exec env ROOT_ACCESS_KEY="$2" ROOT_SECRET_KEY="$3" \
    "$PROGRAM" --quiet --port "127.0.0.1:$1" --health "$READY" posix --sidecar "$STATE/sidecar" "$STATE/data"
}

. "$(dirname "$0")/s3-go.sh"
