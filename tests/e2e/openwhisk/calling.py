"""Call an action by the client that verify uses, and print its record.

python -m tests.e2e.openwhisk.calling ENVIRONMENT ACTION
"""

from __future__ import annotations

import json
import sys

from whisklab.cli.actions import _opened


def main() -> None:
    """Print the record as JSON."""
    environment, action = sys.argv[1:]
    with _opened(environment, None) as client:
        print(json.dumps(client.invoke(action, {})))


if __name__ == "__main__":
    main()
