"""The dashboards as a folder of pages that opens from disk: no server, no network."""

from o2r.dashboards.site.build import build_site, site_folder
from o2r.dashboards.site.serve import serve
from o2r.dashboards.site.wbr import write_review

__all__ = ["build_site", "serve", "site_folder", "write_review"]
