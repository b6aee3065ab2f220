"""Search: the configurations of a study's recipes and models, chosen by Optuna and run as trials of the ledger.

`configurations` turns Optuna's trials into recipes; `samplers` knows Optuna's names; `engine` asks, runs and tells;
`repeats` says how often a configuration is to be repeated.
"""
