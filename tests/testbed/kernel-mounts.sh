#!/bin/bash
# Runs a script as root under a kernel that mounts NFS and CIFS: user-mode Linux, with this machine's files as its root, read-only.
#
#   kernel-mounts.sh net NETNS [SUBNET]   make a network namespace with a tap device: SUBNET.1 here, SUBNET.2 under that kernel
#   kernel-mounts.sh net-down NETNS
#   kernel-mounts.sh run NETNS OUT SCRIPT [ARGUMENT…]
#
# SUBNET is 10.89.0 unless told; servers are started with --netns NETNS. The script's exit code comes back (124: past KERNEL_MOUNTS_TIMEOUT,
# 300 s). For the script /mnt, /run, /tmp, /var/tmp and /dev/shm are empty and writable; what it writes into $OUT, and the servers'
# address is $SERVER. Its output goes to OUT/output.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
TAP=tap0

net() {
  local netns=$1 subnet=${2:-10.89.0}
  ip netns add "$netns"
  ip -n "$netns" link set lo up
  ip -n "$netns" tuntap add $TAP mode tap
  ip -n "$netns" addr add "$subnet.1/24" dev $TAP
  ip -n "$netns" link set $TAP up
}

inside() { # process 1 of that kernel; the environment has WORK, SERVER and CLIENT
  set +e
  export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8
  mount -t proc proc /proc
  mount -t sysfs sys /sys
  mkdir -p /dev/pts /dev/shm
  mount -t devpts pts /dev/pts
  mount -t tmpfs shm /dev/shm
  mount -t tmpfs run /run
  # What stays: a folder of the machine, writable.
  mkdir -p /run/work
  mount -t hostfs -o "$WORK" work /run/work
  # The modules of this kernel are not where modprobe looks, neither when a command nor when the kernel asks for one.
  mkdir -p /run/modules/lib
  ln -s /usr/lib/uml/modules /run/modules/lib/modules
  export MODPROBE_OPTIONS="-d /run/modules"
  printf '#!/bin/sh\nexec /sbin/modprobe -d /run/modules "$@"\n' >/run/modprobe
  chmod 755 /run/modprobe
  echo /run/modprobe >/proc/sys/kernel/modprobe
  for dir in /mnt /tmp /var/tmp; do mount -t tmpfs tmp $dir; done
  # The project may lie in one of those.
  [ -d "$ROOT" ] || { mkdir -p "$ROOT" && mount -r -t hostfs -o "$ROOT" tree "$ROOT"; }
  ip link set lo up
  ip addr add "$CLIENT/24" dev vec0
  ip link set vec0 up
  cd / || exit
  rc=0
  OUT=/run/work/out bash /run/work/script </dev/null >/run/work/out/output 2>&1 || rc=$?
  echo $rc >/run/work/rc
  sync
  /usr/sbin/poweroff -f 2>/dev/null || echo o >/proc/sysrq-trigger
  sleep 10
}

run() {
  local netns=$1 out=$2 script=$3; shift 3
  local server rc=124
  [ -f "$script" ] || die "no script $script"
  type -P linux.uml >/dev/null || die "user-mode Linux is missing: run 'make setup'"
  server=$(nsenter --net="/run/netns/$netns" ip -4 -o addr show dev $TAP | awk '{split($4, a, "/"); print a[1]}')
  work=$(mktemp -d) # not local: the trap reads it
  trap 'finish "$work/uml.pid" 1; rm -rf "$work"' EXIT
  mkdir -p "$work/out" "$out"
  { printf 'set -- '; printf '%q ' "$@"; echo; cat "$script"; } >"$work/script"
  printf '#!/bin/bash\nexport WORK=%q SERVER=%q CLIENT=%q\nexec bash %q inside\n' "$work" "$server" "${server%.*}.2" "$TESTBED/kernel-mounts.sh" >"$work/init"
  chmod 755 "$work/init"
  # That kernel is many processes: a process namespace ends them all, also when this script is killed.
  TMPDIR=/dev/shm setpriv --pdeathsig KILL unshare --pid --fork --kill-child --mount-proc nsenter --net="/run/netns/$netns" linux.uml mem=1G rootfstype=hostfs rootflags=/ ro quiet uml_dir="$work/uml" \
    vec0:transport=tap,ifname=$TAP,depth=128,gro=1 init="$work/init" con=null con0=null,fd:1 </dev/null >"$work/console" 2>&1 &
  remember "$work/uml.pid" $!
  local end=$((SECONDS + ${KERNEL_MOUNTS_TIMEOUT:-300}))
  while running "$work/uml.pid" && [ $SECONDS -lt $end ]; do sleep 0.5; done
  if running "$work/uml.pid"; then echo "past the time limit" >&2; else rc=$(cat "$work/rc" 2>/dev/null || echo 125); fi
  finish "$work/uml.pid" 40
  [ "$rc" != 125 ] || { echo "no result; the console:" >&2; tail -n 20 "$work/console" >&2; }
  cp -r "$work/out/." "$out/"
  return "$rc"
}

command=${1:-}; shift || true
case $command in
  net) net "$@" ;;
  net-down) ip netns del "$1" 2>/dev/null || true ;;
  run) run "$@" ;;
  inside) inside ;;
  *) sed -n '2,10p' "$0"; exit 2 ;;
esac
