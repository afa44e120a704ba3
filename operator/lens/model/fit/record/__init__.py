"""The public record: how often Lens said of a pending pod what the scheduler then did."""
