"""What every app stands on and no app owns."""

VERSION = "0.1.0"
