"""What recording costs, next to the alternatives, measured in one run: ``make bench``."""
