"""JSON-RPC over HTTP and WebSocket: a function per method, modules by namespace, one table of methods, one of codes."""
