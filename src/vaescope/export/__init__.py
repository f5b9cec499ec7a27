"""Export: encoder and decoder as files that others read, with a model card."""
