#!/bin/sh
# Resolve requirements/*.in into locked files with hashes, the same for Python 3.11 and 3.12, without addresses.
set -eu
cd "$(dirname -- "$0")/../requirements"
compile() {
    ../.cache/uv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --only-binary :all: \
        --no-emit-index-url --no-annotate --no-header "$@"
}
compile all.in --override overrides.in -o all.txt
compile runtime.in -c all.txt -o runtime.txt
compile build.in -c all.txt -o build.txt
compile bootstrap.in -o bootstrap.txt
compile bench.in -o bench.txt
