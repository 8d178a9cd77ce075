"""What fairlead keeps: the ledger (what happened, what it cost) and who owns the directory it lies in."""
