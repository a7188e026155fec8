"""What the entries of a site become, and how whatever is wrong with one of them is told."""

from __future__ import annotations

from dataclasses import dataclass, field

from drivers.assign import ChannelSpec, UnitSpec
from gateway.config.document import Path
from gateway.config.inspection import Inspection
from gateway.config.site_file import SiteDocument
from gateway.model import Device


@dataclass
class Built:
    """What the entries became. `complete` is False when an entry had to be left out."""

    units: dict[str, UnitSpec] = field(default_factory=dict)
    channels: list[ChannelSpec] = field(default_factory=list)
    devices: list[Device] = field(default_factory=list)
    complete: bool = True


class Checker:
    """The file, its entries, and where their mistakes go."""

    def __init__(self, inspection: Inspection, site: SiteDocument, built: Built) -> None:
        self.inspection, self.entries, self.built = inspection, site, built
        self.document, self.site = site.document, site.site

    def problem(self, path: Path, message: str, *, value: bool = False) -> None:
        """A mistake with the key at `path`, or with its value; what it belongs to is left out."""
        self.built.complete = False
        (self.inspection.at_value if value else self.inspection.at_key)(self.document, path, message)

    def warn(self, path: Path, message: str) -> None:
        """Something to think about."""
        self.inspection.warn(self.document, path, message)
