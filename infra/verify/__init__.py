"""Verifies the receipts of a stack: their chain, their copies, and the files whose digests they contain."""
