"""The flags and help of every command; nothing here may load anything heavy."""
