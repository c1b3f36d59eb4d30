"""Tests of the language's text side: tokens, trees, commands, scripts and printing."""
