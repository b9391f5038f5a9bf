"""What is decided: records, life cycle, evidence and plan. No I/O, clock, dice or log."""
