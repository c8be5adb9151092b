"""The `signaltape` command."""

import sys

from infra.errors import OperatorError
from signaltape.cli import app


def main() -> None:
    """Run the command line; exit codes: 0 ok, 1 failure, 2 usage."""
    try:
        app(prog_name="signaltape")
    except OperatorError as error:
        print(f"signaltape: {error}", file=sys.stderr)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
