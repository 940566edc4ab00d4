//! Tests of binding, accepting and connecting over loopback.
