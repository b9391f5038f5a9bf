"""Slack, by incoming webhook; and the log, for those who have none."""
