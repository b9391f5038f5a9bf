"""Scenarios as files: how they are written, read and checked, and those that come along."""
