"""Resolve the broker's class path anew and print `infra/stack/jars.lock`.

    .venv/bin/python scripts/lock-jars.py > jars.lock.new

Read the difference before taking it: what stands there is what everyone runs.
"""

import tempfile
from pathlib import Path

from jgo.maven import MavenContext

from infra.stack.jars import sha256_of

ROOTS = ("org.apache.kafka:kafka_2.13:4.3.0", "org.slf4j:slf4j-simple:1.7.36")
HEADER = (
    "# The class path of the local broker: SHA-256 and Maven coordinate of each jar."
    " Made by scripts/lock-jars.py: what this broker and logger binding resolve to."
)


def main() -> None:
    """Print one line for each jar, in the order of coordinates."""
    lines = []
    with tempfile.TemporaryDirectory() as folder:
        context = MavenContext(repo_cache=Path(folder))
        roots = [context.create_dependency(root) for root in ROOTS]
        inputs, transitive = context.resolver.resolve(roots)
        for dependency in {str(found.artifact): found for found in (*inputs, *transitive)}.values():
            if dependency.scope in (None, "compile", "runtime") and dependency.type == "jar":
                digest = sha256_of(Path(dependency.artifact.resolve()))
                coordinate = f"{dependency.groupId}:{dependency.artifactId}:{dependency.version}"
                lines.append(f"{digest}  {coordinate}")
    print(HEADER, *sorted(lines, key=lambda line: line[66:]), sep="\n")


if __name__ == "__main__":
    main()
