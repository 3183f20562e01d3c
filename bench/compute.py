"""How long a start takes, from `Driver.start` to the first byte of output, under each driver.

    python bench/compute.py [rounds]

Each figure is the median and the least of so many starts, one after the other, beside a plain subprocess in the same
run. "idle" waits a little before each start: an idle kernel takes up to 20 ms to move a process into a control group,
which is why the driver keeps a seat ready.
"""

from __future__ import annotations

import asyncio
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import uvloop

from cloudjar.compute.driver import Driver
from cloudjar.compute.process import Process
from cloudjar.compute.sandbox import Sandbox
from cloudjar.compute.spec import Limits, Spec, Tmpfs

PROGRAMS = {
    "echo": ("/bin/echo", "x"),
    "python3 -S -E": ("/usr/bin/python3", "-S", "-E", "-c", "print()"),
}
ENV = {"PATH": "/usr/bin:/bin", "LD_LIBRARY_PATH": "/opt/lib:/var/task/lib"}


def plain(argv: tuple[str, ...]) -> float:
    began = time.perf_counter()
    with subprocess.Popen(argv, stdout=subprocess.PIPE, env=ENV, stdin=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        process.stdout.read(1)
        return time.perf_counter() - began


async def driven(driver: Driver, argv: tuple[str, ...], *, own_network: bool = False) -> float:
    """The seconds to the first output; with a network of its own, from the asking for the network on."""
    loop = asyncio.get_running_loop()
    output: asyncio.Future[float] = loop.create_future()
    over: asyncio.Future[None] = loop.create_future()
    began = time.perf_counter()
    network = await driver.network() if own_network else None
    limits = Limits(memory_bytes=128 << 20, processes=1024)
    name = network.id if network else "host"
    spec = Spec(id="bench", argv=argv, env=ENV, tmpfs=(Tmpfs("/tmp", 512 << 20),), network=name, limits=limits)
    await driver.start(
        spec, lambda *_: over.set_result(None), lambda *_: None if output.done() else output.set_result(time.perf_counter() - began)
    )
    took = await output
    await over
    if network:
        network.close()
    return took


def cpu_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def show(name: str, program: str, how: str, times: list[float]) -> None:
    print(f"{name:10} {program:14} {how:11} median {statistics.median(times) * 1e3:6.2f} ms   least {min(times) * 1e3:6.2f} ms", flush=True)


async def main(rounds: int) -> None:
    print(f"load {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores")
    for program, argv in PROGRAMS.items():
        show("plain", program, "busy", [plain(argv) for _ in range(rounds)])
    with tempfile.TemporaryDirectory() as directory:
        for driver in (Sandbox(), Process(Path(directory))):
            probe = driver.probe()
            if not probe.available:
                print(f"{driver.name}: {probe.why}")
                continue
            before = cpu_of_children()
            count = 0
            for program, argv in PROGRAMS.items():
                first = await driven(driver, argv)
                times = [await driven(driver, argv) for _ in range(rounds)]
                show(driver.name, program, "busy", times)
                idle = []
                for _ in range(rounds):
                    await asyncio.sleep(0.1)
                    idle.append(await driven(driver, argv))
                show(driver.name, program, "idle", idle)
                show(driver.name, program, "first", [first])
                if driver.name == "sandbox":
                    # In turns, so that a machine that is busy with other things is so for both.
                    pairs = []
                    for _ in range(rounds):
                        await asyncio.sleep(0.1)
                        pairs.append((await driven(driver, argv), await driven(driver, argv, own_network=True)))
                    show(driver.name, program, "turns", [host for host, _ in pairs])
                    show(driver.name, program, "own network", [own for _, own in pairs])
                count += 2 * rounds + 1
            await driver.close()
            print(f"{driver.name:10} CPU of guard, launcher and program: {(cpu_of_children() - before) / count * 1e3:.2f} ms a start")


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 40))
