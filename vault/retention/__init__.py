"""Retention: how long what is kept, and the daily run that erases what is due."""
