"""Which provider key an exchange goes to, and what it takes there. Deciders are pure and never await."""
