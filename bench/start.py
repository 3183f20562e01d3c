"""From the command to the first answered call, and what the idle jar weighs. `python bench/start.py [RUNS]`."""

from __future__ import annotations

import http.client
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

CLOUDJAR = Path(sys.executable).with_name("cloudjar")
CALL = "/?Action=GetCallerIdentity&Version=2011-06-15"


def tree(pid: int) -> list[int]:
    """A process and all that descend from it."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(each for child in children for each in tree(int(child)))]


def memory_bytes(pid: int) -> int:
    """What the process alone would give back: its proportional share of memory."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    return 0


def once(home: str) -> tuple[float, float, float]:
    """Seconds to `up`'s return, and to the first answer; MB of the idle tree."""
    started = time.perf_counter()
    subprocess.run([CLOUDJAR, "up", "--data", home, "--port", "0"], check=True, stdout=subprocess.DEVNULL)
    returned = time.perf_counter() - started
    import json

    note = json.loads(Path(home, "jar.json").read_text())
    connection = http.client.HTTPConnection("127.0.0.1", note["port"])
    connection.request("GET", CALL, headers={"authorization": "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/sts/aws4_request"})
    connection.getresponse().read()
    answered = time.perf_counter() - started
    time.sleep(0.5)
    weight = sum(memory_bytes(pid) for pid in tree(note["pid"])) / 1e6
    os.kill(note["pid"], signal.SIGTERM)
    subprocess.run([CLOUDJAR, "down", "--data", home], check=True, stdout=subprocess.DEVNULL)
    return returned, answered, weight


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    bare = []
    for _ in range(runs):
        started = time.perf_counter()
        subprocess.run([sys.executable, "-c", ""], check=True)
        bare.append(time.perf_counter() - started)
    found = []
    for _ in range(runs + 1):
        with tempfile.TemporaryDirectory() as home:
            found.append(once(home))
    del found[0]  # The first one may compile.
    print(f"bare interpreter   {min(bare) * 1000:6.0f} ms best  {statistics.median(bare) * 1000:6.0f} ms median")
    for what, column in (("`up` has returned", 0), ("first call answered", 1)):
        values = [each[column] for each in found]
        print(f"{what:18} {min(values) * 1000:6.0f} ms best  {statistics.median(values) * 1000:6.0f} ms median")
    print(f"idle process tree  {statistics.median(each[2] for each in found):6.0f} MB (proportional share)")


if __name__ == "__main__":
    main()
