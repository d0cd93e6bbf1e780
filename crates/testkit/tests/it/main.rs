//! The testkit's own tests, and those of the repository as a whole.

mod tidy;
