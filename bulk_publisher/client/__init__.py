"""What may be asked of one portal now? One credential, within its limits: what is asked here can't go over them.

It knows neither why something is asked nor what becomes of the answer.
"""
