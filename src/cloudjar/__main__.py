"""`python -m cloudjar` is the `cloudjar` command."""

import sys

from cloudjar.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
