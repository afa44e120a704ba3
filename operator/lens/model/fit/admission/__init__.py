"""What the apiserver makes of a manifest before the scheduler sees its pods."""
