"""Many linear heads trained as one: configurations that share features, rows and the order of rows. Torch lives here.

`plan` says what a head is to do; `rows` what heads share; `losses`, `rules` and `lbfgs` are the arithmetic; `block`
trains heads in lockstep; `batch` makes blocks of jobs, runs them in threads, and halves the field between epochs.
"""
