#!/bin/sh
# The run-time packages, from the lock with hashes, and the project itself, into the given Python's environment.
# The Dockerfile runs it in the image; a test runs it in an empty environment.
set -eu
python=${1:?usage: install_runtime.sh PYTHON}
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
"$python" -m pip install --quiet --no-cache-dir --require-hashes -r "$root/requirements/runtime.txt"
"$python" -m pip install --quiet --no-cache-dir --no-deps --no-build-isolation "$root" 2>/dev/null ||
    "$python" -m pip install --quiet --no-cache-dir --no-deps "$root"
