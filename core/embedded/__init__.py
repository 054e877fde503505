"""The servers and programs of a development machine: PostgreSQL, Valkey and SeaweedFS out of Python packages.

Nothing in here imports Django. A production host sets the environment variables itself and uses none of it.
"""
