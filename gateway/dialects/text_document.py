"""A document of text where its provider has no place for documents: as the words of a message."""

from gateway.chat import Media


def document_words(media: Media, text: str) -> str:
    """`text` of the document, below its title where it has one, as a search result stands below its own."""
    return f"{media.name}\n{text}" if media.name else text
