"""The audit trail (監査証跡): events in every writing transaction, sealed into a signed Merkle tree."""
