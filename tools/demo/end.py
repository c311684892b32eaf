"""Ends what a demonstration left running with --keep: every process that names its folder, its cgroups, and the folder.

end.py FOLDER"""

import os
import shutil
import sys

from processes import Processes


def main():
    if len(sys.argv) != 2 or not os.path.basename(sys.argv[1].rstrip("/")).startswith("switchyard-demo-"):
        sys.exit("end.py FOLDER: the folder of a demonstration, as scripts/demo --keep printed it")
    folder = sys.argv[1].rstrip("/")
    processes = Processes(folder)
    processes.end_all()
    processes.remove_cgroups()
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
