//! The gate and its modules on real hosts: systemd, users and packages are the host's own.

mod accounts;
mod guest;
mod names;
mod packages;
mod units;

use guest::Guest;
