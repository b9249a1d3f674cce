#!/bin/bash
# Builds the guest in $PPPOE_PROXY_RIG_DIR (default: work/ of tests/e2e): a user-mode-linux kernel and its initramfs.
# Everything comes from Debian packages, which are unpacked there but not installed. Does nothing if the guest is up to
# date.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
work=${PPPOE_PROXY_RIG_DIR:-$here/../work}

# Programs of the guest, and libraries that a small machine may lack. Other libraries are copied from this machine.
packages="user-mode-linux busybox-static dash ucspi-tcp ppp pppoe iproute2 iperf3 tcpdump
  libiperf0 libsctp1 libpcap0.8 libdbus-1-3 libssl3 libpam0g"
programs="bin/dash usr/bin/tcpserver usr/sbin/pppd usr/sbin/pppoe usr/sbin/pppoe-server usr/sbin/pppoe-discovery
  bin/ip usr/bin/iperf3 usr/bin/tcpdump"
modules="ipv6 pppoe ppp_async" # ppp_async: pppd on a pty, for rp-pppoe's pppoe

# fetch PACKAGE: unpacks it in $work/pkg/PACKAGE.
fetch() {
  [ -e "$work/pkg/$1/.done" ] && return
  echo "fetching $1"
  rm -rf "$work/pkg/$1" "$work/pkg/$1"_*.deb
  mkdir -p "$work/pkg/$1"
  (cd "$work/pkg" && apt-get -qq -o APT::Sandbox::User=root download "$1" &&
    dpkg -x "$1"_*.deb "$1" && rm "$1"_*.deb)
  touch "$work/pkg/$1/.done"
}

# add_module NAME: copies NAME.ko and its dependencies, and adds them to modules/order in the order of loading.
add_module() {
  local file dep
  grep -qsx "$1" "$root/modules/order" && return
  file=$(find "$work/pkg/user-mode-linux/usr/lib/uml/modules" -name "$1.ko" -o -name "${1//_/-}.ko" | head -n 1)
  for dep in $(tr '\0' '\n' < "$file" | sed -n 's/^depends=//p' | tr ',' ' '); do add_module "$dep"; done
  cp "$file" "$root/modules/$1.ko"
  echo "$1" >> "$root/modules/order"
}

# add_libraries FILE: copies the shared libraries that FILE needs.
add_libraries() {
  local lib list
  list=$(LD_LIBRARY_PATH=$libpath ldd "$1")
  if grep 'not found' <<< "$list"; then echo "$1: a library is missing" >&2; return 1; fi
  for lib in $(grep -o '/[^ ]*\.so[^ ]*' <<< "$list" | sort -u); do
    case $lib in
      */ld-linux*) cp -L "$lib" "$root/lib64/" ;;
      *) cp -L "$lib" "$root/lib/" ;;
    esac
  done
}

mkdir -p "$work/pkg"
exec 9> "$work/lock"
flock 9
[ -n "$(find "$here/build.sh" "$here/guest" -type f -newer "$work/initramfs" 2>&1)" ] || exit 0
for package in $packages; do fetch "$package"; done

root=$work/root
rm -rf "$root"
mkdir -p "$root"/{bin,lib,lib64,dev,proc,sys,run,tmp,modules,etc/ppp,usr/bin,usr/sbin,usr/lib,var}
ln -s ../run "$root/var/run"
echo root:x:0:0::/:/bin/sh > "$root/etc/passwd" # tcpdump looks up its user

busybox=$work/pkg/busybox-static/bin/busybox
for applet in $("$busybox" --list); do ln -s busybox "$root/bin/$applet"; done
cp --remove-destination "$busybox" "$root/bin/"
ln -sf dash "$root/bin/sh" # BusyBox's own shell would run its applets before real programs

libpath=$(find "$work"/pkg/*/usr/lib/x86_64-linux-gnu "$work"/pkg/*/lib/x86_64-linux-gnu -maxdepth 0 2> /dev/null | paste -sd:)
for program in $programs; do
  file=$(echo "$work"/pkg/*/"$program")
  rm -f "$root/bin/${program##*/}" # the BusyBox applet of that name
  cp "$file" "$root/$program"
  add_libraries "$file"
done
(cd "$work/pkg/ppp" && cp --parents usr/lib/pppd/*/pppoe.so "$root")
for module in $modules; do add_module "$module"; done

install -m 755 "$here/guest/init" "$root/"
install -m 755 "$here"/guest/bin/* "$root/bin/"
install -m 600 "$here"/guest/etc/* "$root/etc/ppp/"

cp "$work/pkg/user-mode-linux/usr/bin/linux.uml" "$work/linux"
(cd "$root" && find . | "$busybox" cpio -o -H newc -R 0:0 2> /dev/null) > "$work/initramfs.new"
mv "$work/initramfs.new" "$work/initramfs"
