"""What stands between a network and whatever serves it: sockets, limits of a connection, keys, hosts and pages.

The Kusto wire, the REST API and the event hubs share it. It knows none of them.
"""
