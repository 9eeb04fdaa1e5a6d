"""The book as a product: the strict build, what makes its pages light and safe to serve, a local server, and the folder for a host."""

from nvlinklab.book.build import BuildResult, build
from nvlinklab.book.errors import BookError
from nvlinklab.book.folder import Published, publish
from nvlinklab.book.serve import serve, server

__all__ = ["BookError", "BuildResult", "Published", "build", "publish", "serve", "server"]
