"""How often one address may do something: token buckets, as many as fit into a bounded memory."""

import ipaddress
import math
from collections import OrderedDict

#: Addresses that are remembered. The one that was heard of longest ago is forgotten first: its bucket is the fullest.
_MOST = 4_096
#: A customer of a provider has at least so many bits of IPv6 addresses to himself: they count as one.
_IPV6_NETWORK = 64


class Buckets:
    """One bucket for each address: it holds ``burst`` pieces, and gets ``rate_per_s`` new ones. A rate of 0: no limit.

    ``now`` is a monotonic time in seconds.
    """

    def __init__(self, rate_per_s: float, burst: float, most: int = _MOST) -> None:
        self._rate, self._burst, self._most = rate_per_s, burst, most
        self._kept: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait_s(self, address: str, now: float) -> float:
        """Seconds until there is a piece for this address, 0 if there is one; takes none."""
        if not self._rate:
            return 0.0
        return max(0.0, (1.0 - self._content(network_of(address), now)) / self._rate)

    def take(self, address: str, now: float) -> float:
        """Take a piece and return 0, or return the seconds until there is one."""
        waits_s = self.wait_s(address, now)
        if self._rate and not waits_s:
            key = network_of(address)
            self._kept[key] = (self._content(key, now) - 1.0, now)
            self._kept.move_to_end(key)
            if len(self._kept) > self._most:
                self._kept.popitem(last=False)
        return waits_s

    def _content(self, key: str, now: float) -> float:
        content, at = self._kept.get(key, (self._burst, now))
        return min(self._burst, content + max(0.0, now - at) * self._rate)


def whole_seconds(wait_s: float) -> int:
    """A wait as the header ``Retry-After`` gives it: at least one second."""
    return max(1, math.ceil(wait_s))


def network_of(address: str) -> str:
    """What counts as one address: an IPv4 address, an IPv6 network of 64 bits.

    >>> network_of("2001:db8::1"), network_of("::ffff:10.0.0.1")
    ('2001:db8::/64', '10.0.0.1')
    """
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        return str(ipaddress.ip_network((found, _IPV6_NETWORK), strict=False))
    return address
