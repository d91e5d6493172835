"""python -m biovl is the command."""
import os
import shutil
import sys

from ._library import name_dictionary, vendored


def main() -> None:
    own = vendored / "bin" / "biovl"
    command = os.environ.get("BIOVL_COMMAND") or (
        str(own) if own.exists() else shutil.which("biovl"))
    if not command:
        sys.exit("biovl: the command is not installed")
    name_dictionary()
    os.execv(command, ["biovl", *sys.argv[1:]])


if __name__ == "__main__":
    main()
