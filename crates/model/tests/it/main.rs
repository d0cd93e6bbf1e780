//! The vocabulary held against anything.

mod fold;
