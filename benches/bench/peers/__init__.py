"""The proxies that are measured. One door: `ALL`, in the order of the tables."""

from .caddy import Caddy
from .envoy import Envoy
from .floor import Floor
from .gatepost import Gatepost
from .haproxy import Haproxy
from .nginx import Nginx

ALL = (Gatepost, Nginx, Haproxy, Envoy, Caddy, Floor)
NAMES = tuple(peer.name for peer in ALL)
