"""What the service decides, without AWS: start at `redemption.py`, the redemption rule."""
