"""Zero-cost scores, one file each."""

from __future__ import annotations

from mfsearch.proxies.diswot import DISWOT
from mfsearch.proxies.epe_nas import EPE_NAS
from mfsearch.proxies.fisher import FISHER
from mfsearch.proxies.flops import FLOPS
from mfsearch.proxies.grad_norm import GRAD_NORM
from mfsearch.proxies.grasp import GRASP
from mfsearch.proxies.jacov import JACOV
from mfsearch.proxies.l2_norm import L2_NORM
from mfsearch.proxies.nwot import NWOT
from mfsearch.proxies.params import PARAMS
from mfsearch.proxies.plain import PLAIN
from mfsearch.proxies.probe import Proxy
from mfsearch.proxies.snip import SNIP
from mfsearch.proxies.synflow import SYNFLOW
from mfsearch.proxies.zen import ZEN

PROXIES: dict[str, Proxy] = {
    proxy.name: proxy
    for proxy in (PARAMS, FLOPS, SYNFLOW, NWOT, JACOV, SNIP, GRAD_NORM, PLAIN, FISHER, GRASP, L2_NORM, EPE_NAS, ZEN, DISWOT)
}
