"""What goes wrong with a book."""

from nvlinklab.errors import NvlinklabError


class BookError(NvlinklabError):
    """The book cannot be built, served or published; says why and what to do."""
