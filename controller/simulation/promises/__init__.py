"""The promises, each a function over what happened: it never asks the code that it checks."""
