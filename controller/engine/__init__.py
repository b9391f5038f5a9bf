"""When things happen: observe once, decide purely, commit once."""
