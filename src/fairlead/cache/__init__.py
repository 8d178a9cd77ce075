"""Answers that may be given again: to the very same request, or to one that means the same."""
