//! What mistakes are called, and where.
