"""What an operator does: `python -m ops --help`."""
