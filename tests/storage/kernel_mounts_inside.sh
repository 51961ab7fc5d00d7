# Mounts what the servers at $SERVER have, and runs the suites of storage there: by test_kernel_mounts, in user-mode Linux.
# $1: the tree of the project; what the servers' clients need follows, as NAME=VALUE.
set -eu
cd "$1"
export "${@:2}"
login=username=$SMB_USERNAME,password=$SMB_PASSWORD
mounts=
at() { # at NAME TYPE OPTIONS WHAT
  mkdir "/mnt/$1"
  mount -t "$2" -o "$3" "$4" "/mnt/$1"
  mounts="$mounts $1=/mnt/$1"
}
at nfs-3 nfs "vers=3,nolock,mountport=2050,mountproto=tcp" "$SERVER:/export"
for version in 4.0 4.1 4.2; do at nfs-$version nfs "vers=$version" "$SERVER:/export"; done
everywhere=$mounts
at nfs-squashed nfs "vers=4.2,port=2059" "$SERVER:/export"
export DATASYNC_TEST_SQUASHED=nfs-squashed=/mnt/nfs-squashed
mounts=$everywhere
at cifs cifs "$login,$CIFS_OPTIONS" "//$SERVER/data"
at cifs-sealed cifs "$login,$CIFS_SEALED_OPTIONS" "//$SERVER/enc"
cp /proc/mounts "$OUT/mounts"
export DATASYNC_TEST_MOUNTS=$mounts PYTHONDONTWRITEBYTECODE=1 HYPOTHESIS_STORAGE_DIRECTORY=/tmp/hypothesis
.venv/bin/python -m pytest -q -p no:cacheprovider -p no:xdist --timeout=120 --junitxml="$OUT/junit.xml" \
  tests/storage/test_contract.py tests/storage/mounted_runs.py tests/storage/mounted_nfs.py
