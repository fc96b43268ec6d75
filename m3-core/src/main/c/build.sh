#!/bin/sh
# Builds the library of kernels that the jar carries: sh build.sh, with GCC 12 or later. It is committed, so that no one needs a compiler to build
# M3J; NativeKernelsTest fails while it is not the one of these sources.
set -eu
cd "$(dirname "$0")"
target=../resources/io/m3j/core/torch/linux-x86_64
made=$(mktemp -d)
trap 'rm -rf "$made"' EXIT
sources='attention bfloat16 int4 int8 linear operators quantise rows'
digest=$(cat kernels.h tensors.h $(printf '%s.c ' $sources) build.sh | sha256sum | cut -c1-64)
# All symbols are bound when it is loaded, so that a libtorch without them is an error that Java can catch; and it is never unloaded, since libtorch
# keeps the addresses of its functions. An empty stand-in with libtorch's name: the symbols come from the libtorch that the process has loaded, OpenMP's with it.
gcc -shared -nostdlib -Wl,-soname,libtorch_cpu.so -o "$made/libtorch_cpu.so" -x c /dev/null
mkdir -p "$target"
for source in $sources; do
    gcc -std=gnu11 -Wall -Wextra -Werror -O3 -march=x86-64-v4 -mavx512vnni -fopenmp -fPIC -fvisibility=hidden -fno-math-errno -ffp-contract=off \
        -fno-stack-protector -DSOURCES="\"$digest\"" -c "$source.c" -o "$made/$source.o"
done
gcc -shared -nostdlib -Wl,--no-as-needed,-s,--build-id=none,-z,now,-z,nodelete -o "$target/libm3j.so" "$made"/*.o -L"$made" -ltorch_cpu -lgcc
chmod 644 "$target/libm3j.so"
ls -l "$target/libm3j.so"
