"""What a transaction and a block must satisfy: pure checks, a refusal per cause. No I/O, no clock."""
