"""Which file systems tell of changes: those on other machines do not."""

from __future__ import annotations

import os
from pathlib import Path

import psutil

#: Types of file systems on which changes made by another machine are not announced here.
_NETWORK = frozenset(
    {
        "nfs", "nfs4", "cifs", "smb", "smb2", "smb3", "smbfs", "afs", "9p", "ceph", "glusterfs",
        "lustre", "gpfs", "beegfs", "davfs", "davfs2", "ncpfs", "virtiofs", "vboxsf", "prl_fs",
        "osxfs", "webdav", "afpfs",
    }
)  # fmt: skip
#: File systems of programs (sshfs, rclone, s3fs): the program knows of changes, not the kernel.
_PROGRAMS = "fuse."


def network_file_system(folder: Path) -> str | None:
    """The type of the network file system that a folder, or a part of it, lies on.

    Returns:
        For example `nfs4`; None if all of it is local.
    """
    real = os.path.realpath(folder)
    own_point, own_type = "", ""
    for mounted in psutil.disk_partitions(all=True):
        point = mounted.mountpoint.rstrip("/")
        kind = str(mounted.fstype)
        if f"{real}/".startswith(f"{point}/") and len(point) >= len(own_point):
            own_point, own_type = point, kind
        elif point.startswith(f"{real}/") and is_network(kind):
            return kind
    return own_type if is_network(own_type) else None


def is_network(kind: str) -> bool:
    """Whether a type of file system may be changed without the kernel noticing."""
    return kind.lower() in _NETWORK or kind.lower().startswith(_PROGRAMS)
