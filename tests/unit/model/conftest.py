"""One hypothesis profile for the model: the same examples in every run, at their own pace."""

from hypothesis import settings

settings.register_profile("model", deadline=None, derandomize=True)
settings.load_profile("model")
