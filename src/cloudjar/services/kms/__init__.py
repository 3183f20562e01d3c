"""Key Management Service: keys with real cryptography behind them."""
