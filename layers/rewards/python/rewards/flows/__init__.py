"""One module a job: gather with the adapters, decide with the rules, apply with the adapters."""
