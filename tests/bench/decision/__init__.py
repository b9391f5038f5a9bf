"""How good the decision is: the production evidence against today's rules, on the same traces."""
