"""Embeddings, as each dialect that has them asks for them and answers (wire reference §2.8)."""
