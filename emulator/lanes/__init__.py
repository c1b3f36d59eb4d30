"""Who works when: a lane for each kind of request, so that none of them can starve another.

It knows neither language nor engine: what runs is a call that is told its `Work`.
"""
