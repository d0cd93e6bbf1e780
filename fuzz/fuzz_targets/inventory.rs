//! Inventories in all their forms, and patterns over them: they mean something or are refused.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Some((form, bytes)) = bytes.split_first() {
        windlass_fleet::inventory::hostile::read(*form, bytes);
    }
});
