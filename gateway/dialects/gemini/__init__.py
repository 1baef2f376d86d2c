"""Google's generateContent, in both directions, whole and streamed."""
