"""Snapshots: one state and what is needed to go on from it, in a file that is the same for everybody, byte for byte."""

from node.snapshots.exporting import export
from node.snapshots.files import SnapshotFile, write_file
from node.snapshots.manifest import Manifest
from node.snapshots.restoring import Restore, restore

__all__ = ["Manifest", "Restore", "SnapshotFile", "export", "restore", "write_file"]
