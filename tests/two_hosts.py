"""A folder in, two hosts out: network namespaces of this machine, with a cable between them.

Each has a name and a list of names of its own, in which its own name is a loopback address, as Debian's installer
writes it: a program that asks for its own name does not learn by which address others reach it.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

ADDRESSES = {"first-machine": "10.77.0.1", "second-machine": "10.77.0.2"}
CABLE = "cable0"  # the network's name on both
_ENTER = 'mount --bind "$0" /etc/hosts && hostname "$1" && shift && exec "$@"'


class NoHosts(Exception):  # noqa: N818
    """This machine, or this user, cannot have network namespaces; says what failed."""


@contextmanager
def two_hosts(folder: Path) -> Iterator[dict[str, list[str]]]:
    """By the name of each host, the words that run a command on it when they stand before the command's own.

    Args:
        folder: where their lists of names are written.

    Raises:
        NoHosts: there is no `ip` or no `unshare`, or they are not allowed to do it.
    """
    spaces = {name: f"randquant-{os.getpid()}-{name}" for name in ADDRESSES}
    first, second = spaces.values()
    with ExitStack() as closing:
        for space in spaces.values():
            _run("ip", "netns", "add", space)
            closing.callback(_run, "ip", "netns", "delete", space)
        _run("ip", "link", "add", CABLE, "netns", first, "type", "veth", "peer", "name", CABLE, "netns", second)
        entries = {}
        for name, space in spaces.items():
            _run("ip", "-n", space, "address", "add", f"{ADDRESSES[name]}/24", "dev", CABLE)
            for device in ("lo", CABLE):
                _run("ip", "-n", space, "link", "set", device, "up")
            seen = {"localhost": "127.0.0.1", **ADDRESSES, name: "127.0.1.1"}
            names = folder / f"{name}.hosts"
            names.write_text("".join(f"{address} {one}\n" for one, address in seen.items()))
            enter = ["ip", "netns", "exec", space, "unshare", "--mount", "--uts", "sh", "-c", _ENTER, str(names), name]
            _run(*enter, "true")
            entries[name] = enter
        yield entries


def _run(*words: str) -> None:
    try:
        subprocess.run(words, check=True, capture_output=True, text=True)
    except OSError as error:
        raise NoHosts(f"{words[0]}: {error.strerror}") from error
    except subprocess.CalledProcessError as error:
        raise NoHosts(f"{' '.join(words[:3])}: {error.stderr.strip() or error.returncode}") from error
