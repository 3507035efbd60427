"""What language models in tests have in common."""

from ragkit.llms import ModelLimits


class OwnModel:
    """The limits and the digest of a model that is an object in the test; to be inherited."""

    limits = ModelLimits()
    digest = ""
