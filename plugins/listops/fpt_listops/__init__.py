"""ListOps of the Long Range Arena as a task of fpt-plugins."""
