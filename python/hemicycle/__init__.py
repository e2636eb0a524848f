"""hemicycle: weigh many models against few human judgments."""
