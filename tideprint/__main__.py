"""`python -m tideprint`."""

from tideprint.cli import main

main()
