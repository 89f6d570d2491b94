"""Domain rules: pure, standard library only. Start at `redemption.py`, the redemption rule."""
