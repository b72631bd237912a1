//! Every protocol, one folder each.
