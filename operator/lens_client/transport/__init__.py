"""Connections within a time: TCP, proxies, TLS, and one HTTP request after another."""
