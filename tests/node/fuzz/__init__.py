"""Random and hostile requests against a running node."""
