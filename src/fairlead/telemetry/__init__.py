"""Logs, later metrics and traces: fed by hooks, known to nobody in the core."""
