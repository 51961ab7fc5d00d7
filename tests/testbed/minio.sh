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
# Its "ready" says 200 while requests are still refused as XMinioServerNotInitialized.
NAME=minio MODULE=github.com/minio/minio PORT=9005 READY=/minio/health/cluster
VERSION=v0.0.0-20250907161309-07c3a429bfed # the release of 2025-09-07

serve() {
  exec env HOME="$STATE" MINIO_ROOT_USER="$2" MINIO_ROOT_PASSWORD="$3" MINIO_BROWSER=off MINIO_UPDATE=off \
    "$PROGRAM" server --quiet --address "127.0.0.1:$1" "$STATE/data"
}

. "$(dirname "$0")/s3-go.sh"
