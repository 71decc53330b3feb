"""Postgres, Redis and an S3 server from pip wheels: started, stopped and inspected without root or Docker.

`services.up`, `services.down` and `services.status` are the way in. Everything lives in one folder
(`home.Home`).
"""
