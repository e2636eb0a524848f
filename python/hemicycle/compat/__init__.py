"""Drop-ins for the scripts of others: the same call signatures, our solvers behind them."""
