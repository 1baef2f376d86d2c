"""What a load runs against: simulators, a ledger, the gateway; what befalls them meanwhile, and what they say."""
