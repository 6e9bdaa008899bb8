"""Two networks on one machine, with 20 ms between them: namespaces of Linux, as two machines far apart."""

import collections
import contextlib
import ctypes
import fcntl
import os
import shutil
import struct
import subprocess
import threading
import time
from pathlib import Path

DELAY = 0.02
# Two processes may test at once.
NAMES = tuple(f"cshml-{os.getpid()}-{end}" for end in "ab")
ADDRESSES = ("10.213.7.1", "10.213.7.2")
_LINKS = ("cshml-la", "cshml-lb")
_NEW_NETWORK = 0x40000000
_TUNSETIFF, _TUN_WITHOUT_HEADER = 0x400454CA, 0x1001


class Unavailable(Exception):
    """This machine, or this user, cannot make networks."""


@contextlib.contextmanager
def two_networks():
    """Make both networks, each with a host name and an address of its own; remove them in the end.

    The delay is that of `tc qdisc ... netem` or, where the kernel lacks it, of a process between two TUN devices.

    Yields:
        How the delay was made, "netem" or "TUN devices".

    Raises:
        Unavailable: it cannot be done here.
    """
    if os.geteuid() or not all(map(shutil.which, ("ip", "tc", "unshare"))):
        raise Unavailable("expected root, ip, tc and unshare")
    with contextlib.ExitStack() as undo:
        for name in NAMES:
            _call("ip", "netns", "add", name)
            undo.callback(_call, "ip", "netns", "del", name)
            hosts = Path("/etc/netns") / name / "hosts"
            hosts.parent.mkdir(parents=True, exist_ok=True)
            undo.callback(shutil.rmtree, hosts.parent)
            known = "".join(f"{address} {name}\n" for address, name in zip(ADDRESSES, NAMES, strict=True))
            hosts.write_text(f"127.0.0.1 localhost\n{known}")
            _call("ip", "-n", name, "link", "set", "lo", "up")
        try:
            _connect_by_netem()
            yield "netem"
            return
        except Unavailable:
            pass
        undo.enter_context(_connected_by_relay())
        yield "TUN devices"


def within(index):
    """Return the beginning of a command that runs in one of the networks, under its host name."""
    named = f'hostname {NAMES[index]} && exec "$@"'
    return ["ip", "netns", "exec", NAMES[index], "unshare", "--uts", "sh", "-c", named, "sh"]


def _connect_by_netem():
    _call("ip", "link", "add", _LINKS[0], "netns", NAMES[0], "type", "veth", "peer", _LINKS[1], "netns", NAMES[1])
    try:
        for name, link in zip(NAMES, _LINKS, strict=True):
            _call("ip", "netns", "exec", name, "tc", "qdisc", "add", "dev", link, "root", "netem", "delay", "20ms")
    except Unavailable:
        _call("ip", "-n", NAMES[0], "link", "del", _LINKS[0])
        raise
    _set_up()


@contextlib.contextmanager
def _connected_by_relay():
    ends = [_open_tun(name, link) for name, link in zip(NAMES, _LINKS, strict=True)]
    stop = threading.Event()
    relays = [threading.Thread(target=_relay, args=(*pair, stop)) for pair in (ends, ends[::-1])]
    try:
        _set_up()
        for relay in relays:
            relay.start()
        yield
    finally:
        stop.set()
        for relay in relays:
            relay.join()
        for end in ends:
            os.close(end)


def _set_up():
    for name, link, own, other in zip(NAMES, _LINKS, ADDRESSES, ADDRESSES[::-1], strict=True):
        _call("ip", "-n", name, "addr", "add", own, "peer", other, "dev", link)
        _call("ip", "-n", name, "link", "set", link, "up")


def _open_tun(name, link):
    """Open a new TUN device in a network, on a thread that enters it."""
    opened = []

    def open_there():
        with open(f"/var/run/netns/{name}") as network:
            if ctypes.CDLL(None, use_errno=True).setns(network.fileno(), _NEW_NETWORK):
                return
        with contextlib.suppress(OSError):
            device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
            opened.append(device)
            fcntl.ioctl(device, _TUNSETIFF, struct.pack("16sH22x", link.encode(), _TUN_WITHOUT_HEADER))
            opened.append(device)

    thread = threading.Thread(target=open_there)
    thread.start()
    thread.join()
    if len(opened) < 2:
        raise Unavailable("expected netem or TUN devices")
    return opened[0]


def _relay(source, target, stop):
    """Hand packets on, each after the delay."""
    waiting = collections.deque()
    while not stop.is_set():
        with contextlib.suppress(BlockingIOError):
            while True:
                waiting.append((time.monotonic() + DELAY, os.read(source, 65536)))
        while waiting and waiting[0][0] <= time.monotonic():
            with contextlib.suppress(OSError):
                os.write(target, waiting[0][1])
            waiting.popleft()
        time.sleep(0.0005)


def _call(*words):
    done = subprocess.run(words, capture_output=True, text=True)
    if done.returncode:
        raise Unavailable(f"{' '.join(words)}: {done.stderr.strip()}")
