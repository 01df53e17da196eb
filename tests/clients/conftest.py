"""What is no test of this project but is given to other people's tools."""

collect_ignore = ["ape"]
