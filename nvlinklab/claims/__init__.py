"""Every quantified claim as an executable check with a computed verdict."""
