"""The version, in one place: the package's metadata, the CLI and the ledger read it from here."""

__version__ = "0.1.0"
