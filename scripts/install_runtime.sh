#!/bin/sh
# The run-time packages, from the lock with hashes, and the project itself, into the environment of a Python.
# The Dockerfile runs it in the image, in two steps; a test runs the same two in an empty environment.
# UV=/path/to/uv names a uv that is there already; without it the pinned one is fetched, used and removed.
set -eu
usage="usage: install_runtime.sh PYTHON packages|project"
python=$(command -v "${1:?$usage}") || { echo "install_runtime.sh: $1 is no Python that can be run" >&2; exit 1; }
step=${2:?$usage}
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
locks=$root/requirements

tools=$(mktemp -d)
trap 'rm -rf "$tools"' EXIT
if [ -z "${UV:-}" ]; then
    "$python" -m venv "$tools/uv"
    "$tools/uv/bin/python" -m pip install --quiet --require-hashes -r "$locks/bootstrap.txt"
    UV=$tools/uv/bin/uv
fi
install() {
    "$UV" pip install --quiet --python "$python" --no-config "$@"
}

case $step in
packages)
    install --require-hashes --only-binary :all: -r "$locks/runtime.txt"
    ;;
project)
    # What builds the project is held to its hash too, and doesn't stay. The build leaves nothing in the source.
    "$UV" venv --quiet --no-config --python "$python" "$tools/build"
    "$UV" pip install --quiet --no-config --python "$tools/build/bin/python" --require-hashes --only-binary :all: \
        -r "$locks/build.txt"
    mkdir "$tools/source" "$tools/wheel"
    for part in pyproject.toml README.md LICENSE requirements schemas pipeline infra consumers producers signaltape; do
        cp -R "$root/$part" "$tools/source/"
    done
    (cd "$tools/source" && "$tools/build/bin/python" -c \
        "import sys; from setuptools import build_meta; build_meta.build_wheel(sys.argv[1])" "$tools/wheel" \
        >"$tools/log" 2>&1) || { cat "$tools/log" >&2; exit 1; }
    install --no-deps "$tools"/wheel/*.whl
    ;;
*)
    echo "$usage" >&2
    exit 2
    ;;
esac
