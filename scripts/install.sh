#!/bin/sh
# Find a Python that the locked requirements are made for, and hand over to install.py.
# PYTHON=/path/to/python chooses one; without it the first that answers is taken.
set -u
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd) || exit 1
probe='import sys; v = sys.version_info[:2]; print("%d.%d" % v); sys.exit(0 if (3, 11) <= v <= (3, 12) else 1)'
seen=""
for name in ${PYTHON:-python3.11 python3.12 python3 python}; do
    # A shim that exists but cannot run (pyenv) counts as absent: only an answer counts.
    if version=$("$name" -c "$probe" 2>/dev/null); then
        exec "$name" "$here/install.py" "$@"
    elif [ -n "${version:-}" ]; then
        seen="$seen $name is $version;"
    fi
done
{
    echo "install: signaltape needs Python 3.11 or 3.12, and none was found."
    [ -n "$seen" ] && echo "install: found:$seen which the locked packages do not support."
    [ -n "${PYTHON:-}" ] && echo "install: PYTHON=$PYTHON was asked for, so no other was tried."
    echo "install: Debian 12:    apt-get install python3.11 python3.11-venv"
    echo "install: Ubuntu 24.04: apt-get install python3.12 python3.12-venv"
    echo "install: elsewhere, install one of the two and run: make install PYTHON=/path/to/python3.12"
} >&2
exit 1
