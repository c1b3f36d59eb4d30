"""The storage endpoints of queued ingestion, in the dialect of Azure Storage that its clients speak.

Blobs, queues and a table, each as far as clients of ingestion go; every request carries a signature that
`.get ingestion resources` handed out. They translate; the state is `emulator.engine.queued`.
"""
