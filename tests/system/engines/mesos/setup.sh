#!/bin/sh
# setup.sh HOME: builds Mesos 1.11 into the folder HOME. What is missing on this machine is listed,
# by the names of Debian's packages, and nothing is done then (exit code 3). Exit code 4: it cannot
# be fetched. Any other: it cannot be built.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
home=$1
python=${PYTHON:-python3}

missing=
program() { command -v "$1" >/dev/null 2>&1 || missing="$missing $2"; }
library() { "$python" -c 'import ctypes, sys; ctypes.CDLL(sys.argv[1])' "$1" 2>/dev/null || missing="$missing $2"; }
program g++ g++
program strip binutils
program tar tar
program "$python" python3
if command -v "$python" >/dev/null 2>&1; then
  "$python" -c 'import pip' 2>/dev/null || missing="$missing python3-pip"
  library libsvn_delta-1.so.1 libsvn1
  library libapr-1.so.0 libapr1
  library libsasl2.so.2 libsasl2-2
  library libcurl.so.4 libcurl4
  library libcrypto.so.3 libssl3
  library libz.so.1 zlib1g
  ls /usr/lib/*/sasl2/libcrammd5.so >/dev/null 2>&1 || missing="$missing libsasl2-modules"
fi
if [ -n "$missing" ]; then
  echo "missing packages:$missing" >&2
  exit 3
fi

mkdir -p "$home/lib" "$home/bin" "$home/obj"
tarball=$("$python" "$here/src/fetch.py" "$home/obj") || exit 4
so=$home/lib/_scheduler.so
tar -xzOf "$tarball" ./usr/local/lib/python2.7/dist-packages/mesos/scheduler/_scheduler.so > "$so"
strip --strip-debug "$so"

curl=$("$python" - <<'END'
import ctypes
ctypes.CDLL("libcurl.so.4")
print(next(line.split()[-1] for line in open("/proc/self/maps") if "/libcurl.so.4" in line))
END
)
"$python" "$here/src/mkstubs.py" "$so" "$home/obj"
gcc -O1 -fno-builtin -w -shared -fPIC -DREAL_CURL="\"$curl\"" -o "$home/lib/libmesosstubs.so" \
  "$home/obj/stubs.c" -Wl,--version-script="$home/obj/stubs.map" -ldl
for name in libssl.so.1.0.0 libcrypto.so.1.0.0 libcurl.so.4; do
  ln -sf libmesosstubs.so "$home/lib/$name"
done

g++ -O1 -std=c++14 -Wall -fvisibility=hidden -o "$home/bin/mesoskit" "$here/src/mesoskit.cpp" \
  -ldl -Wl,--disable-new-dtags,-rpath,'$ORIGIN/../lib'
for role in master agent local containerizer; do ln -sf mesoskit "$home/bin/mesos-$role"; done
# By the interpreter itself: what stands in for it on the PATH may take long, and agents hand on
# a PATH of their own.
interpreter=$("$python" -c 'import sys; print(sys.executable)')
for name in mesos-fetcher mesos-executor mesos-guard; do
  sed "1s|.*|#!$interpreter|" "$here/libexec/$name" > "$home/bin/$name"
  chmod 755 "$home/bin/$name"
done
cp "$home/bin/mesos-executor" "$home/bin/test-executor"

# The loader finds every library, and the launcher every entry point of a master's flags.
"$home/bin/mesos-master" --version
"$home/bin/mesos-agent" --version
rm -rf "$home/obj"
