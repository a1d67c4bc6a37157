"""Data larger than memory: read a block at a time, shuffled in a buffer, written block by block."""
