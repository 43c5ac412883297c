//! Claims about certificates, hosts, names and tickets.
