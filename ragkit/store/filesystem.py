"""Detects directories on network file systems."""

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
    """Return the type of the network file system of a path, such as "nfs4"; "" if it is local.

    It counts as local where the system has no list of mounts.
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
    """Raise StoreError if a knowledge base must not be written there."""
    if kind := find_network_type(root):
        raise StoreError(
            f"{root} is on a network file system ({kind}), where locks do not keep two machines "
            "from writing at the same time; keep the knowledge base on a local disk, and copy it "
            "there with: ragkit backup"
        )
