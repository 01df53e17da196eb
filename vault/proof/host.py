"""What of a process's memory may reach a disk here: swap and core dumps."""

from pathlib import Path

from vault.proof.checks import Check, not_run

SWAPS, CORE_PATTERN = Path("/proc/swaps"), Path("/proc/sys/kernel/core_pattern")
ATTACK = "Keys are in the memory of the process while it runs: swap, core dumps and hibernation would write them down."


def host_check(swaps: Path = SWAPS, core_pattern: Path = CORE_PATTERN) -> Check:
    """Is swap off or in memory? `found` counts swap areas on disks; the control is that the lists can be read."""
    try:
        areas = swaps.read_text().splitlines()[1:]
        pattern = core_pattern.read_text().strip()
    except OSError as error:
        return not_run("swap and core dumps", ATTACK, str(error))
    on_disk = [area.split()[0] for area in areas if not area.startswith("/dev/zram")]
    note = f"core dumps go to {pattern!r}; the vault's process forbids its own"
    if on_disk:
        note += f"; swap is on {', '.join(on_disk)}: switch it off or encrypt it with a key made at every start"
    return Check("swap and core dumps", ATTACK, len(on_disk), "The system's lists are readable.", 1, 1, note)
