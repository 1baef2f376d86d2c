"""Small real models on this machine's processor, behind an OpenAI-compatible listener; imports nothing of ours."""
