"""Policies: what becomes an alert. Each is data (TOML) read into a frozen object that starts a watch per series."""
