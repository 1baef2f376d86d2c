"""What people and programs read afterwards: a page with plots and locust's own report, and a JSON summary."""
