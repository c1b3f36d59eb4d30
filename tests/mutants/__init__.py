"""Whether the tests would notice a fault: small changes of the code, one at a time, that some test must fail on."""
