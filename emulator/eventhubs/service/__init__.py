"""What clients speak to: the listening server, the addresses and links of a hub, and who may use them."""
