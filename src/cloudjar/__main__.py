"""`python -m cloudjar` is the `cloudjar` command."""

from cloudjar.cli.main import main

if __name__ == "__main__":
    main()
