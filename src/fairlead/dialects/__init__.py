"""Bytes to types and back, one file a dialect. No network."""
