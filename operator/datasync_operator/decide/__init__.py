"""The functional core: what was observed and the time in, a plan out; no await, no clock."""
