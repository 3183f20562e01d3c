"""The resolver inside sandboxes: AWS's names are the jar's, everybody else's are the machine's to find."""

from cloudjar.planes.dns.resolver import Resolver, machine_servers

__all__ = ["Resolver", "machine_servers"]
