"""The sub-commands of `tideprint` that are not a room's own."""
