"""`signaltape run monitor`: what no service can say of itself, as metrics. It only reads, and keeps no state.

`lags` decides, `looking` asks and tells, `service` is the process.
"""
