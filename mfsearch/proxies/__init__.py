"""Zero-cost scores, one file each."""

from __future__ import annotations

from mfsearch.proxies.flops import FLOPS
from mfsearch.proxies.grad_norm import GRAD_NORM
from mfsearch.proxies.jacov import JACOV
from mfsearch.proxies.nwot import NWOT
from mfsearch.proxies.params import PARAMS
from mfsearch.proxies.probe import Proxy
from mfsearch.proxies.snip import SNIP
from mfsearch.proxies.synflow import SYNFLOW

PROXIES: dict[str, Proxy] = {proxy.name: proxy for proxy in (PARAMS, FLOPS, SYNFLOW, NWOT, JACOV, SNIP, GRAD_NORM)}
