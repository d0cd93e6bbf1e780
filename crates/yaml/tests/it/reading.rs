//! What sound documents mean.
