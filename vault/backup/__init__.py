"""Backups of a running vault and their restoration: never the root slot, never a credential, never a secret key."""

from vault.backup.archive import Manifest, read_manifest
from vault.backup.ledger import BackupLedger
from vault.backup.restoring import Restored, restore
from vault.backup.taking import Backup, ship, take_backup

__all__ = ["Backup", "BackupLedger", "Manifest", "Restored", "read_manifest", "restore", "ship", "take_backup"]
