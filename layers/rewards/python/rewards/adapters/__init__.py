"""What the service says to AWS: one module a service or table."""
