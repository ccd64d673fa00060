"""llama.cpp in a child process, and the packaged models."""
