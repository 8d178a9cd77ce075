"""The listener, and one file for each surface it serves."""
