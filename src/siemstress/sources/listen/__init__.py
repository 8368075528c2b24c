"""Lines from the network and from sockets: syslog by UDP, TCP, TLS and Unix sockets."""
