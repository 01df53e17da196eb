"""Legal holds: what a law keeps is moved into a silo of its own before the rest is erased, and destroyed at its end."""
