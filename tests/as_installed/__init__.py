"""What only development tools bring: put on the path, it is missing as it is where Tickhouse is installed."""
