"""Filter expressions bound to a store: names resolved, tests evaluated over batches.

resolve     a parsed expression -> a test; `names` looks tags up, `subscripts` reads square brackets
conditions  what a test says of variants and samples, and & && | ||
numeric, variables, functions, comparison    numbers
texts, regex, genotypes, sitetests           text, GT, and FILTER, TYPE and ID
"""
