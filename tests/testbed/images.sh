#!/bin/bash
# The project's two images as OCI archives, for nodes without a registry: prints the archives' paths.
#
#   images.sh              localhost/datasync-operator:dev and localhost/datasync-runner:dev
#
# Built again only when something that goes into them changed; a change of code costs seconds, a change of dependencies a minute.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
OUT=$CACHE/images/$(cd "$ROOT" && pwd | sha256sum | cut -c1-8) # clones may differ in code
CERTIFICATES=/etc/ssl/certs/ca-certificates.crt

inputs() { # NAME FOLDER
  cd "$ROOT"
  { command buildah --root "$CACHE/images/store" --runroot "$CACHE/images/run" images -q --no-trunc localhost/python:3.11
    find operator transfer_runner -type f -not -name '*.pyc' -print0 | sort -z | xargs -0 sha256sum
    sha256sum "requirements/$1.txt" pyproject.toml README.md LICENSE .dockerignore; } | sha256sum | cut -c1-16
}

build() { # NAME FOLDER
  local mounts=() configuration=$OUT/pip.conf
  # A package index behind a private authority: the build borrows this machine's certificates; the image keeps none of it.
  if [ -f "$CERTIFICATES" ]; then
    printf '[global]\ncert = %s\n' "$CERTIFICATES" >"$configuration"
    local index; index=$(python3 -m pip config get global.index-url 2>/dev/null || true)
    [ -z "$index" ] || echo "index-url = $index" >>"$configuration"
    mounts=(-v /etc/ssl/certs:/etc/ssl/certs:ro -v "$configuration:/etc/pip.conf:ro")
  fi
  buildah bud -q --layers --pull-never --format oci "${mounts[@]}" --build-arg BASE=localhost/python:3.11 \
    -t "localhost/datasync-$1:dev" -f "$ROOT/$2/Dockerfile" "$ROOT"
  rm -f "$OUT/$1.tar.new"
  buildah push -q --disable-compression "localhost/datasync-$1:dev" "oci-archive:$OUT/$1.tar.new:localhost/datasync-$1:dev"
  mv "$OUT/$1.tar.new" "$OUT/$1.tar"
}

buildah inspect --type image localhost/python:3.11 >/dev/null 2>&1 || die "the base image is missing: run 'make setup'"
mkdir -p "$OUT"
exec 9>"$OUT/lock"
flock 9
for image in operator=operator runner=transfer_runner; do
  name=${image%=*} folder=${image#*=}
  want=$(inputs "$name" "$folder")
  if [ ! -f "$OUT/$name.tar" ] || [ "$(cat "$OUT/$name.stamp" 2>/dev/null)" != "$want" ]; then
    step "$name image" build "$name" "$folder" >&2
    echo "$want" >"$OUT/$name.stamp"
  fi
  echo "$OUT/$name.tar"
done
