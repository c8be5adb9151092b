"""The version, in a module of its own so that a build reads it without importing the package's dependencies."""

VERSION = "0.1.0"
