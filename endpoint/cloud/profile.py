"""What a device says of itself: constants of the product, and the identity it keeps from boot to boot.

Source: protocol/activation-and-media.md 8.2; examples observed, serial and identifier drawn.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from endpoint.runtime.chance import Actor


@dataclass(frozen=True, slots=True)
class Product:
    """One model: its names in the registration and in `xStatus SystemUnit`."""

    model: str
    name: str
    system_name: str
    product_id: str
    product_type: str = "Cisco Codec"


PRODUCTS: Final = {
    product.model: product
    for product in (
        Product("Room Bar", "Cisco Room Bar", "s53300", "CS-BAR-K9"),
        Product("Room Bar Pro", "Cisco Room Bar Pro", "s53300", "CS-BARPRO-K9"),
        Product("Codec Plus", "Cisco Webex Codec Plus", "s53200", "CS-CODEC-PLUS"),
        Product("Codec Pro", "Cisco Webex Codec Pro", "s53200", "CS-CODEC-PRO"),
        Product("Room Kit Pro", "Cisco Webex Room Kit Pro", "s53200", "CS-KITPRO-K9"),
        Product("Room Kit Mini", "Cisco Webex Room Kit Mini", "s53200", "CS-KIT-MINI"),
        Product("Desk Pro", "Cisco Webex Desk Pro", "s53300", "CS-DESKPRO-K9"),
        Product("Board Pro", "Cisco Board Pro", "s53300", "CS-BRD55P-K9"),
        Product(
            "Codec C60", "Cisco TelePresence Codec C60", "s52000", "CTS-INTP-C60-K9"
        ),  # ours: a family without Hybrid Calendar (H05)
    )
}
DEFAULT_MODEL: Final = "Room Bar"

SOFTWARE: Final = {  # short name -> version with hash, build date
    "ce10.12": ("ce10.12.1.6.cd735cb1ea2", "2022-04-14"),
    "ce11.19": ("ce11.19.1.7.3055d561c16", "2024-08-05"),
    "ce26.4": ("ce26.4.1.12.67c6e508983", "2026-04-02"),
    "ce26.5": ("ce26.5.1.3.1f0e9a7c2d4", "2026-05-04"),
}
DEFAULT_SOFTWARE: Final = "ce26.4"
UNSEEN_DATE: Final = "2026-01-01"
"""Release date of versions that no source shows."""


@dataclass(frozen=True, slots=True)
class Profile:
    """One device: product, software, serial number and the identifier that it registers under."""

    product: Product
    software: str
    software_date: str
    serial: str
    device_identifier: str

    @property
    def display_version(self) -> str:
        """The software as `SystemUnit Software DisplayName` prints it: `RoomOS 26.4.1.12 67c6e508983`."""
        number, _, build = self.software.removeprefix("ce").rpartition(".")
        return f"RoomOS {number} {build}"

    @property
    def system_version(self) -> str:
        """The software as the registration prints it: version, hash and date."""
        return f"{self.software} {self.software_date}"


def make_profile(chance: Actor, model: str = DEFAULT_MODEL, software: str = DEFAULT_SOFTWARE) -> Profile:
    """Make a device of a model, with a drawn serial number and identifier.

    Args:
        software: a version such as `ce26.4`; those in `SOFTWARE` have the build of a release that was seen, others a drawn one.

    Raises:
        ValueError: the model is not known (the text names those that are), or the software is no version.
    """
    product = PRODUCTS.get(model)
    if product is None:
        raise ValueError(f"no product {model!r}; there are {', '.join(PRODUCTS)}")
    if not re.fullmatch(r"ce\d{1,2}(\.\d{1,3}){1,3}", software):
        raise ValueError(f"{software!r} is no software version; write one such as {DEFAULT_SOFTWARE}")
    draws = chance.stream("profile")
    serial, identifier = f"TEST{draws.digits(8)}", draws.uuid()
    version, date = SOFTWARE.get(software) or (f"{software}.{draws.bytes(6).hex()[:11]}", UNSEEN_DATE)
    return Profile(product, version, date, serial, identifier)
