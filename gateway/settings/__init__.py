"""Configuration: what may be said (`schema`), how it is read (`load`, `discover`) and what is in force
(`snapshot`)."""
