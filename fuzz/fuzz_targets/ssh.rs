//! SSH: `known_hosts` files, names, arguments, jump hosts and the output of `ssh -G` are read as what they say, or
//! refused; nothing that is taken could be an option or more than one word.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| windlass_ssh::hostile::read(text));
