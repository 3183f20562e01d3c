"""The maker of disks: file systems of a limited size, each in a file of the host's, for root.

It is run as a program of its own, through the guard (`python -I -S loopdisk.py DIRECTORY NAMESPACE`), with the standard library only, and
talks as netns.py does. It mounts in the guard's mount namespace, in which sandboxes are started, and nowhere else; NAMESPACE is
the number of the jar's, where it must not. A disk's file loses its name as soon as it is mounted: the mount alone holds it,
and goes with its namespace. So nothing is left behind, whatever dies.

  {"mount": [number, template]} -> a copy of that empty file system is mounted at DIRECTORY/NUMBER
  {"unmount": number} -> gone, once nobody uses it
"""

from __future__ import annotations

import _thread
import ctypes
import fcntl
import json
import os
import socket
import struct
import sys
from typing import Any

_LOOP_CTL_GET_FREE, _LOOP_CONFIGURE = 0x4C82, 0x4C0A
_LO_FLAGS_AUTOCLEAR = 4
_MS_NOSUID, _MS_NODEV, _MS_NOATIME, _MNT_DETACH = 2, 4, 1024, 2
_EBUSY = 16
_TRIES = 64
_BLOCK = 4096

_libc = ctypes.CDLL(None, use_errno=True)


def _check(result: int) -> None:
    if result:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def attach(file: int) -> tuple[str, int]:
    """A loop device (loop(4)) with a file behind it, which is free again when nobody has it open or mounted. Raises OSError."""
    for _ in range(_TRIES):
        control = os.open("/dev/loop-control", os.O_RDWR)
        try:
            name = f"/dev/loop{fcntl.ioctl(control, _LOOP_CTL_GET_FREE)}"
        finally:
            os.close(control)
        device = os.open(name, os.O_RDWR)
        # struct loop_config, with the struct loop_info64 in it.
        config = struct.pack("=II5Q4I", file, 0, *(0,) * 8, _LO_FLAGS_AUTOCLEAR) + bytes(64 + 64 + 32 + 16 + 64)
        try:
            fcntl.ioctl(device, _LOOP_CONFIGURE, config)
            return name, device
        except OSError as error:
            os.close(device)
            if error.errno != _EBUSY:
                raise
    raise OSError(_EBUSY, "no free loop device")


def mount(image: str, at: str) -> None:
    """Mounts the file system in a file, and takes the file's name away. Raises OSError."""
    file = os.open(image, os.O_RDWR)
    os.unlink(image)
    try:
        device, held = attach(file)
    finally:
        os.close(file)
    try:
        flags = ctypes.c_ulong(_MS_NOSUID | _MS_NODEV | _MS_NOATIME)
        _check(_libc.mount(device.encode(), at.encode(), b"ext4", flags, None))
    finally:
        os.close(held)


def unmount(at: str) -> None:
    """Takes a disk away. Raises OSError."""
    _check(_libc.umount2(at.encode(), _MNT_DETACH))
    os.rmdir(at)


class Maker:
    """Makes disks by copying an empty one, of which it keeps what is not zero."""

    def __init__(self, directory: str) -> None:
        self._directory = directory
        self._templates: dict[str, tuple[int, list[tuple[int, bytes]]]] = {}
        self._reading = _thread.allocate_lock()

    def mount(self, number: int, template: str) -> None:
        """A new disk at DIRECTORY/NUMBER, for everybody to write. Raises OSError."""
        image, at = f"{self._directory}/{number}.image", f"{self._directory}/{number}"
        os.mkdir(at, 0o700)
        with self._reading:
            if template not in self._templates:
                self._templates[template] = self._read(template, image, at)
        whole, pieces = self._templates[template]
        file = os.open(image, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            os.ftruncate(file, whole)
            for place, content in pieces:
                os.pwrite(file, content, place)
        finally:
            os.close(file)
        mount(image, at)

    def _read(self, template: str, image: str, at: str) -> tuple[int, list[tuple[int, bytes]]]:
        """An empty file system, after it has been given to everybody, for which it must be mounted once."""
        os.link(template, image)
        mount(image, at)
        try:
            os.rmdir(f"{at}/lost+found")
            os.chmod(at, 0o777)
        finally:
            _check(_libc.umount2(at.encode(), 0))
        return os.stat(template).st_size, _pieces(template)

    def unmount(self, number: int) -> None:
        """Raises OSError."""
        unmount(f"{self._directory}/{number}")


def _pieces(image: str) -> list[tuple[int, bytes]]:
    """The blocks of a file that are not zero, with their places."""
    found, place = [], 0
    with open(image, "rb") as file:
        end = file.seek(0, os.SEEK_END)
        while place < end:
            try:
                place = os.lseek(file.fileno(), place, os.SEEK_DATA)
            except OSError:
                break
            block = os.pread(file.fileno(), _BLOCK, place)
            if block.strip(b"\0"):
                found.append((place, block))
            place += len(block)
    return found


def serve(channel: socket.socket, directory: str, foreign: str) -> None:
    """Answers requests until the jar is gone. The first answer is to none: whether it can be done at all."""
    if str(os.stat("/proc/self/ns/mnt").st_ino) == foreign:
        channel.send(b'{"id": 0, "error": "the guard has no mount namespace of its own"}')
        return
    maker = Maker(directory)
    channel.send(b'{"id": 0, "error": ""}')

    def answer(request: dict[str, Any]) -> None:
        error = ""
        try:
            if "mount" in request:
                maker.mount(*request["mount"])
            else:
                maker.unmount(request["unmount"])
        except OSError as problem:
            error = problem.strerror or str(problem)
        try:
            channel.send(json.dumps({"id": request["id"], "error": error}).encode())
        except OSError:
            # The jar is gone.
            return

    while data := channel.recv(1 << 16):
        # The kernel lets each mount and each unmount wait some 5 to 50 ms for what others do, and uses 2 ms of a processor.
        _thread.start_new_thread(answer, (json.loads(data),))


if __name__ == "__main__":
    serve(socket.socket(fileno=3), *sys.argv[1:3])
