//! Tests of the background resolver with a look-up of their own.
