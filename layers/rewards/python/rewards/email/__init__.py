"""The emails: their layout, their texts and the addresses they go to."""
