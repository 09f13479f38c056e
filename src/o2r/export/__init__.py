"""Audiences and conversions as files for advertising platforms (docs/audiences.md)."""

from o2r.export.audience import AUDIENCES, export_audience, preview
from o2r.export.signals import PLATFORMS, export_signals

__all__ = ["AUDIENCES", "PLATFORMS", "export_audience", "export_signals", "preview"]
