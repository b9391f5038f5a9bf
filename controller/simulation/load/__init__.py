"""The users, what serving them does to the pods, and how both are measured."""
