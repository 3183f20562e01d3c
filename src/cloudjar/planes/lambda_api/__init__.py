"""The Lambda Runtime API on sockets: one of its own for each sandbox, so that the socket itself says who asks."""

from cloudjar.planes.lambda_api.forward import Forward
from cloudjar.planes.lambda_api.server import listen

__all__ = ["Forward", "listen"]
