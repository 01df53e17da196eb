"""The node's other processes: a sealer that writes, workers that read, and the nursery they are forked from."""
