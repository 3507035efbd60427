"""Says whether a directory is on a disk of this machine."""

from __future__ import annotations

import os
import re
from pathlib import Path

from ragkit.errors import StoreError

_MOUNT_INFO = Path("/proc/self/mountinfo")  # proc(5)
_NETWORK_TYPES = (
    *("9p", "afs", "beegfs", "ceph", "cifs", "davfs", "glusterfs", "gpfs", "lustre", "ncpfs"),
    *("nfs", "nfs4", "orangefs", "pvfs2", "smb3", "smbfs"),
    *("fuse.cephfs", "fuse.glusterfs", "fuse.rclone", "fuse.s3fs", "fuse.sshfs"),
)


def find_network_type(path: Path) -> str:
    """The type of the network file system that a path lies on, like "nfs4"; "" if on none.

    Where the system does not say it is taken as local.
    """
    real = os.path.realpath(path)
    nearest, found = "", ""
    try:
        mounts = _MOUNT_INFO.read_text(errors="surrogateescape").splitlines()
    except OSError:
        return ""
    for mount in mounts:
        before, _, after = mount.partition(" - ")
        point = re.sub(r"\\(\d{3})", lambda code: chr(int(code[1], 8)), before.split()[4])
        if (real + "/").startswith(point.rstrip("/") + "/") and len(point) >= len(nearest):
            nearest, found = point, after.split()[0]
    return found if found in _NETWORK_TYPES else ""


def check_local(root: Path) -> None:
    """Raise StoreError where a base must not be written."""
    if kind := find_network_type(root):
        raise StoreError(
            f"{root} is on a network file system ({kind}), which does not keep several machines "
            "from writing to it at the same time; keep the base on a disk of this machine, and "
            "put copies there with: ragkit backup"
        )
