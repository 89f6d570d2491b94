"""Builders of what tests need: one way to make each thing."""
