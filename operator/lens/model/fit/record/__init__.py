"""The public record: how often Lens predicted what the scheduler then did with a pending pod."""
