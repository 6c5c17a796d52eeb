"""Call control: the device's side of Locus."""
