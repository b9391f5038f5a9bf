"""How the outside is spoken to: one room for each vendor."""
