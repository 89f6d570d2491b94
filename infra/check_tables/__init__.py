"""Verifies the tables, buckets and user pool that a stack uses, and compares the tables with each other."""
